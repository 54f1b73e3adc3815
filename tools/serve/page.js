// The page of elcl serve: asks /v1/models, /v1/completions and /health. What comes from the server
// goes into the page as text, never as HTML.
'use strict';

const $ = id => document.getElementById(id);

const METHODS = {
    search: ['num_beams', 'length_penalty', 'no_repeat_ngram_size', 'repetition_penalty'],
    sample: ['temperature', 'top_p', 'top_k', 'seed'],
};
const COMMON = ['n', 'max_tokens'];

let models = [];
let health = null;
let running = null; // the AbortController of the request
let declined = false; // the user gave no key
let key = sessionStorage.getItem('elcl-key') || '';

const modelNow = () => models.find(m => m.id === $('model').value);
const isDecoder = () => Boolean(modelNow()?.elcl?.decoder_only);
const methodNow = () => document.querySelector('input[name=method]:checked').value;

const count = n => n.toLocaleString('en');

function element(name, className, text) {
    const e = document.createElement(name);
    if (className)
        e.className = className;
    if (text !== undefined)
        e.textContent = text;
    return e;
}

function say(text, bad) {
    $('message').textContent = text;
    $('message').className = bad ? 'bad' : '';
}

// ---- requests -----------------------------------------------------------------------------------

// Resolves when the user has given a key.
function askKey() {
    $('key-text').textContent =
        key ? 'The server refused this key.' : 'This server requires an API key.';
    $('key').value = '';
    const dialog = $('key-dialog');
    dialog.returnValue = '';
    dialog.showModal();
    return new Promise((resolve, reject) => {
        dialog.addEventListener('close', () => {
            declined = dialog.returnValue !== 'use';
            if (declined)
                return reject(new Error('The server requires an API key: reload the page to enter it.'));
            key = $('key').value;
            sessionStorage.setItem('elcl-key', key);
            resolve();
        }, {once: true});
    });
}

// One sentence on an answer that is an error.
async function reasonOf(response) {
    try {
        const {error} = await response.json();
        return error.message || error;
    } catch {
        return `The server answered with status ${response.status}.`;
    }
}

async function ask(path, options = {}) {
    const headers = {...options.headers};
    if (key)
        headers.Authorization = `Bearer ${key}`;
    let response;
    try {
        response = await fetch(path, {...options, headers});
    } catch (e) {
        throw e.name === 'AbortError' ? e : new Error('The server does not answer.');
    }
    if (response.status === 401) {
        await askKey();
        return ask(path, options);
    }
    if (!response.ok)
        throw new Error(await reasonOf(response));
    return response;
}

// The objects of a stream of server-sent events, up to its [DONE].
async function* eventsOf(response) {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    try {
        for (;;) {
            const {value, done} = await reader.read();
            if (done)
                throw new Error('The answer ended early.');
            const lines = (rest + value).split('\n');
            rest = lines.pop();
            for (const line of lines) {
                if (line === 'data: [DONE]')
                    return;
                if (line.startsWith('data: '))
                    yield JSON.parse(line.slice(6));
            }
        }
    } finally {
        reader.cancel().catch(() => {});
    }
}

// ---- outputs ------------------------------------------------------------------------------------

function placeholder(text) {
    const item = element('li');
    item.append(element('div', 'empty', text));
    $('outputs').replaceChildren(item);
    $('score-title').hidden = true;
}

// The output of an index, which is made if it is new.
function outputAt(outputs, index, prompt) {
    while (outputs.length <= index) {
        const item = element('li', 'arriving');
        const text = element('div', 'text');
        text.dir = 'auto';
        const words = document.createTextNode('');
        const side = element('div', 'side');
        const score = element('span');
        if (prompt)
            text.append(element('span', 'prompt', prompt));
        text.append(words);
        side.append(score);
        item.append(text, side);
        outputs.push({item, words, side, score});
        $('outputs').append(item);
    }
    return outputs[index];
}

function copyButton(words) {
    const button = $('copy').content.firstElementChild.cloneNode(true);
    button.addEventListener('click', async () => {
        let done = 'failed';
        try {
            await navigator.clipboard.writeText(words.data);
            done = 'done';
        } catch {
            // The button shows it.
        }
        button.classList.add(done);
        setTimeout(() => button.classList.remove(done), 1500);
    });
    return button;
}

// What a reader of the output should know.
function notesOn(choice) {
    const notes = [];
    if (choice.source_cut)
        notes.push(`The text is too long: ${count(choice.source_cut)} of its tokens were left out`);
    if (choice.finish_reason === 'length')
        notes.push('Stopped at the maximum number of tokens');
    return notes;
}

function endOutput(output, choice) {
    output.item.className = '';
    for (const note of choice ? notesOn(choice) : [])
        output.item.append(element('div', 'below', note));
    if (navigator.clipboard)
        output.side.append(copyButton(output.words));
}

function takeChoice(outputs, choice, prompt) {
    const list = $('outputs');
    const atEnd = list.scrollTop + list.clientHeight >= list.scrollHeight - 8;
    const output = outputAt(outputs, choice.index, prompt);
    // The blank that a tokenizer has before a first word says nothing, unless a prompt goes on.
    output.words.appendData(prompt || output.words.data ? choice.text : choice.text.trimStart());
    if (typeof choice.score === 'number') {
        output.score.textContent = choice.score.toFixed(3).replace('-', '−');
        $('score-title').hidden = false;
    }
    if (choice.finish_reason)
        endOutput(output, choice);
    // Follows the end of a stream, but shows the beginning of what arrives whole.
    if (atEnd && outputs.length === 1 && !choice.finish_reason)
        list.scrollTop = list.scrollHeight;
}

// ---- generate -----------------------------------------------------------------------------------

// Leaves out what is empty, so that the model's own options hold.
function requestBody() {
    const sampling = methodNow() === 'sample';
    const body = {model: $('model').value, prompt: $('text').value, stream: true,
                  stream_options: {include_usage: true}, do_sample: sampling};
    if (sampling)
        body.num_beams = 1;
    for (const id of [...COMMON, ...METHODS[methodNow()]])
        if ($(id).value !== '')
            body[id] = Number($(id).value);
    if (!$('languages').hidden) {
        if (!$('source-field').hidden && $('source').value)
            body.src_lang = $('source').value;
        if ($('target').value)
            body.tgt_lang = $('target').value;
    }
    if ($('split').checked && !$('split').disabled)
        body.split = 'sentences';
    return body;
}

const seconds = s =>
    s < 1 ? `${(s * 1000).toFixed(s < 0.01 ? 1 : 0)} ms` : `${s.toFixed(1)} s`;

function summaryOf({usage, timings, seed}, wall) {
    const n = usage?.completion_tokens ?? 0;
    const parts = [`${count(n)} token${n === 1 ? '' : 's'} in ` +
                   seconds(timings?.total_seconds ?? wall)];
    if (timings?.first_token_seconds)
        parts.push(`first after ${seconds(timings.first_token_seconds)}`);
    if (seed !== undefined)
        parts.push(`seed ${seed}`);
    return parts.join(' · ');
}

async function generate(signal) {
    const body = requestBody();
    const prompt = isDecoder() ? body.prompt : '';
    const outputs = [];
    const start = performance.now();
    const about = {}; // the request as a whole
    $('outputs').replaceChildren();
    $('score-title').hidden = true;
    outputAt(outputs, 0, prompt);
    try {
        const response = await ask('v1/completions', {
            method: 'POST', headers: {'Content-Type': 'application/json'},
            body: JSON.stringify(body), signal});
        for await (const event of eventsOf(response)) {
            if (event.error)
                throw new Error(event.error.message);
            for (const choice of event.choices || [])
                takeChoice(outputs, choice, prompt);
            for (const name of ['usage', 'timings', 'seed'])
                about[name] = event[name] ?? about[name];
        }
    } finally {
        if (outputs.some(o => o.words.data))
            outputs.filter(o => o.item.className).forEach(o => endOutput(o));
        else if (!about.usage)
            placeholder('');
    }
    say(summaryOf(about, (performance.now() - start) / 1000));
}

function setRunning(controller) {
    running = controller;
    $('go').textContent = controller ? 'Stop' : 'Generate';
    $('go').className = controller ? 'stop' : '';
    $('outputs').setAttribute('aria-busy', String(Boolean(controller)));
    clearTimeout(nextLook);
    nextLook = setTimeout(keepFresh, 100);
}

async function submit() {
    if (running || $('go').disabled || !$('form').reportValidity())
        return;
    if (!$('text').value && !isDecoder()) {
        $('text').focus();
        return;
    }
    setRunning(new AbortController());
    say('');
    try {
        await generate(running.signal);
    } catch (e) {
        const stopped = e.name === 'AbortError';
        say(stopped ? 'Stopped.' : e.message, !stopped);
    }
    setRunning(null);
}

// ---- models and languages -----------------------------------------------------------------------

const languageNames = new Intl.DisplayNames(['en'], {type: 'language', fallback: 'none'});

// en_XX and eng_Latn are English, and de_DE is German. With its script zho_Hans is Simplified
// Chinese.
function languageName(code, withScript) {
    const tag = code.replace(/_/g, '-').replace(/-[A-Z]{2}$/, '');
    try {
        return languageNames.of(withScript ? tag : tag.replace(/-.*/, '')) || code;
    } catch {
        return code;
    }
}

// Languages that share a name have their scripts too, and at last their codes.
function nameLanguages(codes) {
    const isTwice = (names, name) => names.indexOf(name) !== names.lastIndexOf(name);
    const short = codes.map(code => languageName(code));
    const names = codes.map(
        (code, i) => isTwice(short, short[i]) ? languageName(code, true) : short[i]);
    return codes.map((code, i) => (
        {code, name: isTwice(names, names[i]) ? `${names[i]} (${code})` : names[i]}));
}

function fillLanguages(select, codes, wanted, optional) {
    const named = nameLanguages(codes).sort((a, b) => a.name.localeCompare(b.name));
    if (optional)
        named.unshift({code: '', name: 'Model default'});
    select.replaceChildren(...named.map(({code, name}) => new Option(name, code)));
    select.value = codes.includes(wanted) ? wanted : named[0].code;
}

// The first of `codes` that is a language of the list `tongues`.
const firstOf = (codes, tongues) =>
    codes.find(code => tongues.includes(code.toLowerCase().replace(/[_-].*/, '')));

function showModel() {
    const about = modelNow()?.elcl || {};
    const codes = about.languages || [];
    const defaults = about.defaults || {};
    const onlyTarget = about.family === 'marian';
    $('languages').hidden = codes.length === 0;
    $('languages').classList.toggle('one', onlyTarget);
    $('source-field').hidden = $('swap').hidden = onlyTarget;
    if (codes.length) {
        const optional = !about.needs_languages;
        fillLanguages($('source'), codes, optional ? '' : firstOf(codes, ['en', 'eng']), optional);
        fillLanguages($('target'), codes,
                      optional ? '' : firstOf(codes, ['de', 'deu', 'ger', 'fr', 'fra']), optional);
    }
    $('split').disabled = isDecoder();
    for (const id of ['num_beams', 'n'])
        $(id).max = about.max_beams || 64;
    for (const id of [...METHODS.search, 'temperature', 'top_p', 'top_k'])
        $(id).placeholder = defaults[id] === undefined ? '' : defaults[id];
    $('n').placeholder = defaults.num_return_sequences || 1;
    document.querySelector(`[value=${defaults.do_sample ? 'sample' : 'search'}]`).checked = true;
    showMethod();
    showHealth();
}

function showMethod() {
    for (const field of document.querySelectorAll('[data-method]')) {
        field.hidden = field.dataset.method !== methodNow();
        field.querySelector('input').disabled = field.hidden;
    }
}

async function loadModels() {
    const {data} = await (await ask('v1/models')).json();
    models = data.filter(m => !m.elcl?.speech);
    $('model').replaceChildren(...models.map(m => new Option(m.id, m.id)));
    $('model').disabled = models.length < 2;
    $('go').disabled = models.length === 0;
    say('');
    showModel();
}

// ---- the state of the server --------------------------------------------------------------------

const STATES = {ok: ['Ready', 'good'], draining: ['Shutting down', 'warn'],
                failed: ['Failed', 'bad']};
const ATTENTIONS = {el: 'EL-attention', mha: 'Multi-head',
                    'mha-beam': 'Multi-head, for each beam'};

function bytes(n) {
    const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
    let i = 0;
    for (; n >= 1024 && i < units.length - 1; i++)
        n /= 1024;
    return `${n.toFixed(i && n < 10 ? 1 : 0)} ${units[i]}`;
}

function showState(text, className) {
    if ($('state').textContent !== text) // a status is read aloud
        $('state').textContent = text;
    $('status').className = className;
}

function showHealth() {
    const figures = health && health.models.find(m => m.name === $('model').value);
    if (!figures)
        return;
    $('batch').max = figures.batch_size;
    $('batch').value = figures.in_flight;
    $('batch-text').textContent = `${count(figures.in_flight)} of ${count(figures.batch_size)}`;
    $('waiting').textContent = `${count(figures.waiting)} of ${count(figures.queue_limit)}`;
    $('speed').textContent = `${count(Math.round(figures.tokens_per_second))} tokens/s`;
    $('memory').textContent =
        `${bytes(figures.state_bytes)} state, ${bytes(figures.weight_bytes)} weights`;
    $('attention').textContent = ATTENTIONS[figures.attention] || figures.attention;
    $('device').textContent = figures.device;
}

async function refresh() {
    try {
        // 503 has the same form.
        health = await (await fetch('health')).json();
        const [text, className] = STATES[health.status] || [health.status, 'warn'];
        showState(`${text} · ${health.version}`, className);
        showHealth();
    } catch {
        showState('No answer', 'bad');
    }
}

let nextLook; // a timer

async function keepFresh() {
    if (!document.hidden) {
        await refresh();
        if (!models.length && health?.status === 'ok' && !declined)
            await loadModels().catch(e => say(e.message, true));
    }
    clearTimeout(nextLook); // of a second call, while this one waited
    nextLook = setTimeout(keepFresh, running ? 500 : 2000);
}

// ---- start --------------------------------------------------------------------------------------

$('form').addEventListener('submit', event => {
    event.preventDefault();
    if (running)
        running.abort();
    else
        submit();
});
document.addEventListener('keydown', event => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        submit();
    } else if (event.key === 'Escape' && running) {
        running.abort();
    }
});
$('model').addEventListener('change', showModel);
for (const radio of document.querySelectorAll('input[name=method]'))
    radio.addEventListener('change', showMethod);
$('swap').addEventListener('click', () => {
    const source = $('source').value;
    $('source').value = $('target').value;
    $('target').value = source;
});
$('key-cancel').addEventListener('click', () => $('key-dialog').close());
if (/Mac|iPhone|iPad/.test(navigator.platform))
    document.querySelector('.keys kbd').textContent = '⌘';

placeholder('The output appears here');
showMethod();
keepFresh();
