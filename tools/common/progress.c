#include "common/progress.h"
#include "common/sys.h"

#include <stdio.h>
#include <string.h>

#define BAR_CELLS 24
#define REDRAW_SECONDS 0.1

void cli_progress_start(struct cli_progress *p, bool wanted)
{
    *p = (struct cli_progress){.on = wanted && cli_sys_can_redraw(CLI_STDERR),
                               .last = cli_sys_seconds()};
}

void cli_progress_say(struct cli_progress *p, const char *what)
{
    if (!p->on || p->begun)
        return;
    p->shown = true;
    fprintf(stderr, "\r%s\033[K", what);
    fflush(stderr);
}

void cli_progress_begin(struct cli_progress *p, double start, uint64_t samples, double fraction)
{
    p->begun = true;
    p->start = start;
    p->samples = samples;
    p->fraction = fraction > 0 ? fraction : 0;
}

/* h:mm:ss or m:ss */
static void format_duration(double seconds, char *text, size_t room)
{
    unsigned long s = seconds < 3e8 ? (unsigned long)(seconds + 0.5) : 300000000UL;
    if (s >= 3600)
        (void)snprintf(text, room, "%lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
    else
        (void)snprintf(text, room, "%lu:%02lu", s / 60, s % 60);
}

void cli_progress_update(struct cli_progress *p, uint64_t samples, double fraction)
{
    double now = cli_sys_seconds();
    if (!p->on || !p->begun || now - p->last < REDRAW_SECONDS)
        return;
    p->last = now;
    p->shown = true;
    double elapsed = now - p->start;
    fputc('\r', stderr);
    if (fraction >= 0) {
        char bar[BAR_CELLS + 1];
        int full = (int)(fraction * BAR_CELLS);
        memset(bar, '.', BAR_CELLS);
        memset(bar, '#', (size_t)(full < BAR_CELLS ? full : BAR_CELLS));
        bar[BAR_CELLS] = '\0';
        fprintf(stderr, "[%s] %3d%%  ", bar, (int)(fraction * 100));
    }
    fprintf(stderr, "%llu %s, %.1f/s", (unsigned long long)samples, p->unit ? p->unit : "samples",
            elapsed > 0 ? (double)(samples - p->samples) / elapsed : 0);
    if (fraction > p->fraction) {
        char eta[32];
        format_duration(elapsed * (1 - fraction) / (fraction - p->fraction), eta, sizeof(eta));
        fprintf(stderr, ", %s left", eta);
    }
    fputs("\033[K", stderr);
    fflush(stderr);
}

void cli_progress_clear(struct cli_progress *p)
{
    if (!atomic_exchange(&p->shown, false))
        return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
}
