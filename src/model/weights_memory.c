/* Allocates and frees what weights.c and weights_attention.c load. */
#include "model/weights.h"

#include "base/util.h"

int elcl_stack_create(struct elcl_stack_weights *stack, int n_layers, elcl_error *err)
{
    stack->layers = elcl_calloc((size_t)n_layers, sizeof(*stack->layers));
    stack->n_layers = stack->layers ? n_layers : 0;
    return stack->layers ? ELCL_OK : elcl_fail_nomem(err);
}

static void linear_finish(struct elcl_linear *linear)
{
    elcl_buffer_destroy(&linear->w.buffer);
    elcl_buffer_destroy(&linear->bias);
}

static void attention_finish(struct elcl_attention_weights *a)
{
    linear_finish(&a->q);
    linear_finish(&a->qkv);
    linear_finish(&a->kv);
    linear_finish(&a->out);
    elcl_buffer_destroy(&a->expand.buffer);
    elcl_buffer_destroy(&a->contract.buffer);
}

static void norm_finish(struct elcl_norm *norm)
{
    elcl_buffer_destroy(&norm->weight);
    elcl_buffer_destroy(&norm->bias);
}

static void stack_finish(struct elcl_stack_weights *stack)
{
    for (int i = 0; i < stack->n_layers; i++) {
        struct elcl_layer_weights *layer = &stack->layers[i];
        attention_finish(&layer->self);
        attention_finish(&layer->cross);
        elcl_buffer_destroy(&layer->bias.table);
        norm_finish(&layer->self_norm);
        norm_finish(&layer->cross_norm);
        norm_finish(&layer->ffn_norm);
        linear_finish(&layer->fc1);
        linear_finish(&layer->fc2);
    }
    elcl_free(stack->layers);
    elcl_buffer_destroy(&stack->positions);
    linear_finish(&stack->project_in);
    norm_finish(&stack->embedding_norm);
    norm_finish(&stack->final_norm);
}

void elcl_weights_finish(struct elcl_weights *weights)
{
    stack_finish(&weights->encoder);
    stack_finish(&weights->decoder);
    for (int i = 0; i < weights->n_embeddings; i++)
        elcl_buffer_destroy(&weights->embeddings[i].buffer);
    elcl_buffer_destroy(&weights->head_bias);
    linear_finish(&weights->project_out);
    linear_finish(&weights->front[0]);
    linear_finish(&weights->front[1]);
    *weights = (struct elcl_weights){0};
}
