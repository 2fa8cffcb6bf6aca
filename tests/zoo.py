"""The conformance zoo: one tiny model per family, and the truth about each.

What a family says of itself here was read in its modelling code, not found by the package under test, so that what the
package discovers has something to disagree with. Knows nothing of `logitscope`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.family import CONTEXT, Family

__all__ = ["CORE", "D_INNER", "D_MODEL", "FAMILIES", "N_HEADS", "PADDED"]

PADDED = 304
"""Head rows of the families whose head is larger than the tokenizer, as in Pythia or Qwen."""

D_MODEL, N_HEADS, D_INNER, WINDOW = 32, 4, 64, 8

_LLAMA = {
    "hidden_size": D_MODEL,
    "intermediate_size": D_INNER,
    "num_hidden_layers": 3,
    "num_attention_heads": N_HEADS,
    "num_key_value_heads": 2,
    "max_position_embeddings": CONTEXT,
}
_LLAMA_ALL_HEADS = {**_LLAMA, "num_key_value_heads": N_HEADS}
_LLAMA_NO_GROUPS = {k: v for k, v in _LLAMA.items() if k != "num_key_value_heads"}
_SLIDING = ["sliding_attention", "full_attention"] * 2
_ALTERNATING = {**_LLAMA, "num_hidden_layers": 4, "layer_types": _SLIDING, "sliding_window": WINDOW}
_GPT2 = {"n_embd": D_MODEL, "n_layer": 3, "n_head": N_HEADS, "n_positions": CONTEXT}
_FALCON = {
    "hidden_size": D_MODEL,
    "num_hidden_layers": 3,
    "num_attention_heads": N_HEADS,
    "max_position_embeddings": CONTEXT,
}
_OPT = {
    "hidden_size": D_MODEL,
    "ffn_dim": D_INNER,
    "num_hidden_layers": 3,
    "num_attention_heads": N_HEADS,
    "max_position_embeddings": CONTEXT,
}
_GRANITE = {
    **_LLAMA,
    "embedding_multiplier": 1.7,
    "residual_multiplier": 0.6,
    "attention_multiplier": 0.5,
    "logits_scaling": 1.6,
}
_EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}
_DEEPSEEK = {
    **_LLAMA_ALL_HEADS,
    "moe_intermediate_size": 32,
    "n_routed_experts": 4,
    "n_shared_experts": 1,
    "num_experts_per_tok": 2,
    "n_group": 1,
    "topk_group": 1,
    "first_k_dense_replace": 1,
    "kv_lora_rank": 16,
    "q_lora_rank": 16,
    "qk_rope_head_dim": 4,
    "qk_nope_head_dim": 8,
    "v_head_dim": 8,
}

_IN_TRANSFORMER: dict[str, Any] = {"blocks": "transformer.h", "attention": "attn", "final_norm": "transformer.ln_f"}
_GPT2_LIKE: dict[str, Any] = {**_IN_TRANSFORMER, "reads": "ln_2"}
_PARALLEL: dict[str, Any] = {"parallel": True, "reads": None}
_FALCON_LIKE: dict[str, Any] = {**_IN_TRANSFORMER, "attention": "self_attention"}
_NEOX_LIKE: dict[str, Any] = {
    "blocks": "gpt_neox.layers",
    "attention": "attention",
    "final_norm": "gpt_neox.final_layer_norm",
    "head_rows": PADDED,
}
_OPT_LIKE: dict[str, Any] = {"blocks": "model.decoder.layers", "mlp": "fc2"}
_SANDWICH: dict[str, Any] = {
    "reads": "pre_feedforward_layernorm",
    "attention_added": "post_attention_layernorm",
    "mlp_added": "post_feedforward_layernorm",
}
_POST_NORM: dict[str, Any] = {
    "reads": "mlp",
    "attention_added": "post_attention_layernorm",
    "mlp_added": "post_feedforward_layernorm",
}

_ALL = [
    Family("gpt2", "GPT2LMHeadModel", _GPT2, **_GPT2_LIKE),
    Family(
        "gpt_neo",
        "GPTNeoForCausalLM",
        {
            "hidden_size": D_MODEL,
            "num_layers": 4,
            "num_heads": N_HEADS,
            "attention_types": [[["global", "local"], 2]],
            "window_size": WINDOW,
            "max_position_embeddings": CONTEXT,
        },
        **_GPT2_LIKE,
        n_layers=4,
    ),
    Family(
        "gptj",
        "GPTJForCausalLM",
        {**_GPT2, "rotary_dim": 4},
        **_IN_TRANSFORMER,
        **_PARALLEL,
        head_bias=True,
        head_rows=PADDED,
    ),
    Family("gpt_neox", "GPTNeoXForCausalLM", _LLAMA_NO_GROUPS, **_NEOX_LIKE, **_PARALLEL),
    Family(
        "gpt_neox-sequential",
        "GPTNeoXForCausalLM",
        {**_LLAMA_NO_GROUPS, "use_parallel_residual": False},
        **_NEOX_LIKE,
        reads="post_attention_layernorm",
    ),
    Family(
        "ctrl",
        "CTRLLMHeadModel",
        {**_GPT2, "dff": D_INNER},
        blocks="transformer.h",
        attention="multi_head_attention",
        mlp="ffn",
        reads="layernorm2",
        final_norm="transformer.layernorm",
        head_bias=True,
    ),
    Family(
        "opt",
        "OPTForCausalLM",
        {**_OPT, "word_embed_proj_dim": D_MODEL},
        **_OPT_LIKE,
        reads="final_layer_norm",
        final_norm="model.decoder.final_layer_norm",
    ),
    Family(
        "opt-350m",
        "OPTForCausalLM",
        {**_OPT, "word_embed_proj_dim": 16, "do_layer_norm_before": False},
        **_OPT_LIKE,
        reads="fc1",
        final_norm=None,
        project_out="model.decoder.project_out",
        sums=False,
    ),
    Family(
        "bloom",
        "BloomForCausalLM",
        {"hidden_size": D_MODEL, "n_layer": 3, "n_head": N_HEADS},
        **_FALCON_LIKE,
        includes_residual=frozenset({"attention", "mlp"}),
        context=None,
    ),
    Family("llama", "LlamaForCausalLM", _LLAMA),
    Family("mistral", "MistralForCausalLM", {**_LLAMA, "sliding_window": WINDOW}),
    Family("mixtral", "MixtralForCausalLM", {**_LLAMA, **_EXPERTS}),
    Family("qwen2", "Qwen2ForCausalLM", _LLAMA, head_rows=PADDED),
    Family("qwen3", "Qwen3ForCausalLM", {**_LLAMA, "head_dim": 8}),
    Family("gemma", "GemmaForCausalLM", {**_LLAMA, "head_dim": 8}),
    Family(
        "gemma2",
        "Gemma2ForCausalLM",
        {**_ALTERNATING, "head_dim": 8, "query_pre_attn_scalar": 8, "final_logit_softcapping": 5.0},
        **_SANDWICH,
        softcap=5.0,
        n_layers=4,
    ),
    Family(
        "gemma3",
        "Gemma3ForCausalLM",
        {**_ALTERNATING, "head_dim": 8, "query_pre_attn_scalar": 8},
        **_SANDWICH,
        n_layers=4,
    ),
    Family("olmo2", "Olmo2ForCausalLM", _LLAMA, **_POST_NORM),
    Family(
        "phi",
        "PhiForCausalLM",
        {**_LLAMA, "partial_rotary_factor": 0.5},
        **_PARALLEL,
        final_norm="model.final_layernorm",
        head_bias=True,
        head_rows=PADDED,
    ),
    Family("phi3", "Phi3ForCausalLM", {**_LLAMA, "sliding_window": WINDOW}),
    Family(
        "phi3-longrope",
        "Phi3ForCausalLM",
        {
            **_LLAMA,
            "original_max_position_embeddings": 16,
            "rope_parameters": {
                "rope_type": "longrope",
                "rope_theta": 10000.0,
                "short_factor": [1.0, 1.1, 1.2, 1.3],
                "long_factor": [2.0, 3.0, 4.0, 5.0],
            },
        },
        length_dependent=True,
    ),
    Family("falcon", "FalconForCausalLM", _FALCON, **_FALCON_LIKE, **_PARALLEL),
    Family(
        "falcon-new",
        "FalconForCausalLM",
        {**_FALCON, "new_decoder_architecture": True, "num_kv_heads": 2},
        **_FALCON_LIKE,
        **_PARALLEL,
    ),
    Family(
        "falcon-new-one-norm",
        "FalconForCausalLM",
        {**_FALCON, "new_decoder_architecture": True, "num_kv_heads": 2, "num_ln_in_parallel_attn": 1},
        **_FALCON_LIKE,
        **_PARALLEL,
    ),
    Family(
        "falcon-sequential",
        "FalconForCausalLM",
        {**_FALCON, "parallel_attn": False, "multi_query": False, "alibi": True, "bias": True},
        **_FALCON_LIKE,
    ),
    Family(
        "granite",
        "GraniteForCausalLM",
        _GRANITE,
        residual_multiplier=0.6,
        multiplier=1 / 1.6,
    ),
    Family("cohere", "CohereForCausalLM", {**_LLAMA, "logit_scale": 0.5}, **_PARALLEL, multiplier=0.5),
    Family(
        "cohere2",
        "Cohere2ForCausalLM",
        {**_ALTERNATING, "logit_scale": 0.5},
        **_PARALLEL,
        multiplier=0.5,
        n_layers=4,
    ),
    Family(
        "mpt",
        "MptForCausalLM",
        # The class has a `logit_scale` and ignores it: a head that applies it is wrong.
        {"d_model": D_MODEL, "n_layers": 3, "n_heads": N_HEADS, "max_seq_len": CONTEXT, "logit_scale": 0.5},
        blocks="transformer.blocks",
        attention="attn",
        mlp="ffn",
        reads="norm_2",
        includes_residual=frozenset({"mlp"}),
        final_norm="transformer.norm_f",
        head_rows=PADDED,
    ),
    Family("stablelm", "StableLmForCausalLM", _LLAMA),
    Family(
        "stablelm-parallel",
        "StableLmForCausalLM",
        {**_LLAMA, "use_parallel_residual": True, "qk_layernorm": True, "use_qkv_bias": True},
        **_PARALLEL,
    ),
    Family("starcoder2", "Starcoder2ForCausalLM", {**_LLAMA, "sliding_window": WINDOW}),
    Family(
        "smollm3",
        "SmolLM3ForCausalLM",
        {**_ALTERNATING, "use_sliding_window": True, "no_rope_layer_interval": 4},
        n_layers=4,
    ),
    # ------------------------------------------------------------------------------------ beyond what is promised
    Family("olmo", "OlmoForCausalLM", _LLAMA, extra=True, scale_free_norm=True),
    Family("olmo3", "Olmo3ForCausalLM", _ALTERNATING, **_POST_NORM, n_layers=4, extra=True),
    Family("olmoe", "OlmoeForCausalLM", {**_LLAMA, "num_experts": 4, "num_experts_per_tok": 2}, extra=True),
    Family(
        "qwen2_moe",
        "Qwen2MoeForCausalLM",
        {
            **_LLAMA,
            "moe_intermediate_size": 32,
            "shared_expert_intermediate_size": 32,
            "num_experts": 4,
            "num_experts_per_tok": 2,
            "mlp_only_layers": [0],
        },
        extra=True,
    ),
    Family(
        "qwen3_moe",
        "Qwen3MoeForCausalLM",
        {**_LLAMA, "head_dim": 8, "moe_intermediate_size": 32, "num_experts": 4, "num_experts_per_tok": 2},
        extra=True,
    ),
    Family("gpt_bigcode", "GPTBigCodeForCausalLM", _GPT2, **_GPT2_LIKE, extra=True),
    Family(
        "codegen",
        "CodeGenForCausalLM",
        {**_GPT2, "n_ctx": CONTEXT, "rotary_dim": 4},
        **_IN_TRANSFORMER,
        **_PARALLEL,
        head_bias=True,
        extra=True,
    ),
    Family("persimmon", "PersimmonForCausalLM", _LLAMA_NO_GROUPS, final_norm="model.final_layernorm", extra=True),
    Family("nemotron", "NemotronForCausalLM", {**_LLAMA, "head_dim": 8}, extra=True),
    Family("glm", "GlmForCausalLM", {**_LLAMA, "head_dim": 8}, extra=True),
    Family(
        "glm4",
        "Glm4ForCausalLM",
        {**_LLAMA, "head_dim": 8},
        attention_added="post_self_attn_layernorm",
        mlp_added="post_mlp_layernorm",
        extra=True,
    ),
    Family(
        "granitemoe",
        "GraniteMoeForCausalLM",
        {**_GRANITE, **_EXPERTS},
        mlp="block_sparse_moe",
        residual_multiplier=0.6,
        multiplier=1 / 1.6,
        extra=True,
    ),
    Family("exaone4", "Exaone4ForCausalLM", _ALTERNATING, **_POST_NORM, n_layers=4, extra=True),
    Family("deepseek_v2", "DeepseekV2ForCausalLM", {**_DEEPSEEK, "topk_method": "greedy"}, extra=True),
    Family("deepseek_v3", "DeepseekV3ForCausalLM", _DEEPSEEK, extra=True),
    Family(
        "gpt_oss",
        "GptOssForCausalLM",
        {
            **_ALTERNATING,
            **_EXPERTS,
            "head_dim": 8,
            "rope_parameters": {
                "rope_type": "yarn",
                "rope_theta": 10000.0,
                "factor": 4.0,
                "original_max_position_embeddings": 16,
            },
        },
        n_layers=4,
        extra=True,
    ),
    Family(
        "phimoe",
        "PhimoeForCausalLM",
        {**_LLAMA, **_EXPERTS, "lm_head_bias": True},
        head_bias=True,
        extra=True,
    ),
    Family(
        "xglm",
        "XGLMForCausalLM",
        {
            "d_model": D_MODEL,
            "ffn_dim": D_INNER,
            "num_layers": 3,
            "attention_heads": N_HEADS,
            "max_position_embeddings": CONTEXT,
            "pad_token_id": 1,
        },
        mlp="fc2",
        reads="final_layer_norm",
        final_norm="model.layer_norm",
        extra=True,
    ),
    Family(
        "biogpt",
        "BioGptForCausalLM",
        {**_LLAMA_NO_GROUPS, "pad_token_id": 1},
        blocks="biogpt.layers",
        mlp="fc2",
        reads="final_layer_norm",
        final_norm="biogpt.layer_norm",
        head="output_projection",
        extra=True,
    ),
    Family("helium", "HeliumForCausalLM", {**_LLAMA, "head_dim": 8}, extra=True),
    Family("ministral", "MinistralForCausalLM", {**_ALTERNATING, "head_dim": 8}, n_layers=4, extra=True),
    Family("arcee", "ArceeForCausalLM", _LLAMA, extra=True),
    Family(
        "apertus",
        "ApertusForCausalLM",
        {**_LLAMA, "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}},
        reads="feedforward_layernorm",
        extra=True,
    ),
    Family("seed_oss", "SeedOssForCausalLM", {**_LLAMA, "head_dim": 8}, extra=True),
    Family(
        "nanochat",
        "NanoChatForCausalLM",
        {**_LLAMA, "final_logit_softcapping": 5.0},
        softcap=5.0,
        scale_free_norm=True,
        extra=True,
    ),
]

FAMILIES: Mapping[str, Family] = {f.name: f for f in _ALL}
"""Every family of the zoo by its name."""

CORE: tuple[str, ...] = tuple(name for name, f in FAMILIES.items() if not f.extra)
"""Names of the families that the package promises."""
