/* The default options of transcription. They stand by themselves for programs that are tested
 * without the library. */
#include "elcl/transcribe.h"

elcl_transcribe_options elcl_transcribe_options_default(void)
{
    return (elcl_transcribe_options){.task = ELCL_TASK_TRANSCRIBE,
                                     .timestamps = ELCL_TIMESTAMPS_SEGMENT,
                                     .style = ELCL_SPEECH_STYLE_WHISPER,
                                     .num_beams = 5,
                                     .patience = 1,
                                     .length_penalty = 1,
                                     .best_of = 5,
                                     .max_initial_timestamp = 1,
                                     .repetition_penalty = 1,
                                     .compression_ratio_threshold = 2.4f,
                                     .log_prob_threshold = -1,
                                     .no_speech_threshold = 0.6f,
                                     .condition_on_previous_text = 1,
                                     .prompt_reset_on_temperature = 0.5f};
}

elcl_transcriber_params elcl_transcriber_params_default(void)
{
    return (elcl_transcriber_params){.max_beams = 5};
}
