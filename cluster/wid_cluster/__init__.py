"""Weight-Inherited Distillation in PyTorch, for a job that WID Studio wrote. Names and sections are those of docs/method.md."""

__version__ = "0.2.0"
