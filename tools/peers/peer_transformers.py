"""Generation by transformers on torch."""

import torch
import transformers


def with_linear_layers(model):
    """Replaces GPT-2's Conv1D, a linear layer that torch cannot quantize."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if not isinstance(child, transformers.pytorch_utils.Conv1D):
                continue
            linear = torch.nn.Linear(child.weight.shape[0], child.weight.shape[1])
            linear.weight = torch.nn.Parameter(child.weight.T.contiguous())
            linear.bias = child.bias
            setattr(module, name, linear)
    return model


def load(args, config):
    dtype = torch.bfloat16 if args.type == "bf16" else torch.float32
    kind = (
        transformers.AutoModelForCausalLM
        if args.decoder_only
        else transformers.AutoModelForSeq2SeqLM
    )
    model = kind.from_pretrained(args.directory, torch_dtype=dtype).eval()
    if args.type == "int8":
        model = with_linear_layers(model)
        model = torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, torch.qint8)
    plain = model.generation_config
    plain.eos_token_id = plain.forced_eos_token_id = plain.forced_bos_token_id = None
    plain.pad_token_id = config.get("pad_token_id", 0)
    return model


def runner(args, config, sources):
    """A function that generates once and returns all ids, and a dict about the program."""
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(args.threads)
    model = load(args, config)
    ids = torch.tensor(sources)
    options = dict(
        num_beams=args.beams,
        do_sample=False,
        max_new_tokens=args.new,
        attention_mask=torch.ones_like(ids),
    )

    def run():
        with torch.inference_mode():
            return model.generate(ids, **options).tolist()

    return run, {"transformers": transformers.__version__, "torch": torch.__version__}
