"""Pipelines of every family with a few thousand random weights, made from a seed: `python -m tests.providers.tiny FOLDER`.

They are real ones: diffusers loads and runs them as it does those of fourteen billion. Vocabularies are written by hand,
as trained ones come out in another order each time.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers

WORDS = ("a", "the", "boat", "lighthouse", "dawn", "at", "sea", "red", "blue", "fog", "night", "bird")
WIDE = 32


def unigram() -> Any:
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((f"▁{word}", -2.0) for word in WORDS)]
    letters = [(letter, -6.0) for letter in "▁abcdefghijklmnopqrstuvwxyz."]
    return transformers.T5TokenizerFast(vocab=[*pieces, *letters], extra_ids=0)


def clip() -> Any:
    letters = list("abcdefghijklmnopqrstuvwxyz.")
    names = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    return transformers.CLIPTokenizer(
        vocab={name: index for index, name in enumerate(names)}, merges=[], model_max_length=77
    )


def llama() -> Any:
    names = ["<unk>", "<pad>", *WORDS]
    tokenizer = Tokenizer(models.WordLevel({name: index for index, name in enumerate(names)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<pad>")


def t5(kind: Any, config: Any) -> Any:
    return kind(config(vocab_size=64, d_model=WIDE, d_kv=8, d_ff=64, num_layers=2, num_heads=4)).eval()


def clip_text() -> Any:
    config = transformers.CLIPTextConfig(
        vocab_size=64,
        hidden_size=WIDE,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=77,
        projection_dim=WIDE,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    return transformers.CLIPTextModel(config).eval()


def _wan_parts(channels: int) -> dict[str, Any]:
    return {
        "tokenizer": unigram(),
        "text_encoder": t5(transformers.UMT5EncoderModel, transformers.UMT5Config),
        "vae": diffusers.AutoencoderKLWan(
            base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True]
        ),
        "scheduler": diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
        "transformer": diffusers.WanTransformer3DModel(
            num_attention_heads=2, attention_head_dim=12, in_channels=channels, out_channels=16, text_dim=WIDE, ffn_dim=32,
            num_layers=2, rope_max_seq_len=32, freq_dim=32,
        ),
    }  # fmt: skip


def wan() -> Any:
    return diffusers.WanPipeline(**_wan_parts(16))


def wan_i2v() -> Any:
    return diffusers.WanImageToVideoPipeline(**_wan_parts(36), image_processor=None, image_encoder=None)


def ltx() -> Any:
    return diffusers.LTXPipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=diffusers.AutoencoderKLLTXVideo(
            latent_channels=8, block_out_channels=(8, 8, 8, 8), decoder_block_out_channels=(8, 8, 8, 8),
            layers_per_block=(1, 1, 1, 1, 1), decoder_layers_per_block=(1, 1, 1, 1, 1),
            spatio_temporal_scaling=(True, True, True, False), decoder_spatio_temporal_scaling=(True, True, True, False),
            decoder_inject_noise=(False, False, False, False, False), upsample_residual=(False, False, False, False),
            upsample_factor=(1, 1, 1, 1), timestep_conditioning=False,
        ),
        text_encoder=t5(transformers.T5EncoderModel, transformers.T5Config),
        tokenizer=unigram(),
        transformer=diffusers.LTXVideoTransformer3DModel(
            in_channels=8, out_channels=8, num_attention_heads=2, attention_head_dim=12, cross_attention_dim=24,
            num_layers=2, caption_channels=WIDE,
        ),
    )  # fmt: skip


def cogvideox() -> Any:
    return diffusers.CogVideoXPipeline(
        tokenizer=unigram(),
        text_encoder=t5(transformers.T5EncoderModel, transformers.T5Config),
        vae=diffusers.AutoencoderKLCogVideoX(
            down_block_types=("CogVideoXDownBlock3D",) * 4, up_block_types=("CogVideoXUpBlock3D",) * 4,
            block_out_channels=(8, 8, 8, 8), latent_channels=4, layers_per_block=1, norm_num_groups=2,
            temporal_compression_ratio=4,
        ),
        transformer=diffusers.CogVideoXTransformer3DModel(
            num_attention_heads=2, attention_head_dim=16, in_channels=4, out_channels=4, time_embed_dim=2,
            text_embed_dim=WIDE, num_layers=2, sample_width=8, sample_height=8, sample_frames=9, patch_size=2,
            temporal_compression_ratio=4, max_text_seq_length=16, use_rotary_positional_embeddings=True,
        ),
        scheduler=diffusers.CogVideoXDDIMScheduler(),
    )  # fmt: skip


def animatediff() -> Any:
    unet = diffusers.UNet2DConditionModel(
        block_out_channels=(8, 8), layers_per_block=1, sample_size=8, in_channels=4, out_channels=4, norm_num_groups=2,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=WIDE, attention_head_dim=2,
    )  # fmt: skip
    adapter = diffusers.MotionAdapter(
        block_out_channels=(8, 8), motion_layers_per_block=1, motion_norm_num_groups=2, motion_num_attention_heads=2,
        motion_max_seq_length=24,
    )  # fmt: skip
    vae = diffusers.AutoencoderKL(
        block_out_channels=(8, 8, 8, 8), layers_per_block=1, norm_num_groups=2, latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
    )  # fmt: skip
    return diffusers.AnimateDiffPipeline(
        vae=vae,
        text_encoder=clip_text(),
        tokenizer=clip(),
        unet=unet,
        motion_adapter=adapter,
        scheduler=diffusers.DDIMScheduler(beta_schedule="linear", clip_sample=False),
    )


def hunyuan_video() -> Any:
    config = transformers.LlamaConfig(
        vocab_size=64, hidden_size=16, intermediate_size=32, num_hidden_layers=4, num_attention_heads=2, pad_token_id=1,
        bos_token_id=0, eos_token_id=1, max_position_embeddings=512,
    )  # fmt: skip
    return diffusers.HunyuanVideoPipeline(
        text_encoder=transformers.LlamaModel(config).eval(),
        tokenizer=llama(),
        transformer=diffusers.HunyuanVideoTransformer3DModel(
            in_channels=4, out_channels=4, num_attention_heads=2, attention_head_dim=12, num_layers=1, num_single_layers=1,
            num_refiner_layers=1, patch_size=2, patch_size_t=1, guidance_embeds=True, text_embed_dim=16,
            pooled_projection_dim=WIDE, rope_axes_dim=(4, 4, 4),
        ),
        vae=diffusers.AutoencoderKLHunyuanVideo(
            latent_channels=4, block_out_channels=(8, 8, 8, 8), layers_per_block=1, norm_num_groups=2,
            spatial_compression_ratio=8, temporal_compression_ratio=4, mid_block_add_attention=True,
        ),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=7.0),
        text_encoder_2=clip_text(),
        tokenizer_2=clip(),
    )  # fmt: skip


BUILT: Mapping[str, Callable[[], Any]] = {
    "wan": wan,
    "wan-i2v": wan_i2v,
    "ltx": ltx,
    "cogvideox": cogvideox,
    "animatediff": animatediff,
    "hunyuan-video": hunyuan_video,
}


def lora(folder: Path) -> None:
    """A LoRA of the tiny Wan, of one matrix, strong enough to be seen."""
    generator = torch.Generator().manual_seed(5)
    name = "diffusion_model.blocks.0.self_attn.q"
    weights = {
        f"{name}.lora_A.weight": torch.randn(2, 24, generator=generator),
        f"{name}.lora_B.weight": torch.randn(24, 2, generator=generator),
    }
    save_file(weights, folder / "style.safetensors")
    save_file({key.replace("blocks.0", "blocks.7"): value for key, value in weights.items()}, folder / "other.safetensors")


def build(folder: Path) -> None:
    for name, make in BUILT.items():
        torch.manual_seed(0)
        make().save_pretrained(str(folder / name), safe_serialization=True)
    lora(folder)


if __name__ == "__main__":
    build(Path(sys.argv[1]))
