"""What provider `diffusers` is made of: families of pipelines, folders of weights, and the program that holds one loaded."""
