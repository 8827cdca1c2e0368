"""What a workflow of ComfyUI is, what stands in its outputs, and what of its server can be pinned: parts of `comfyui`."""
