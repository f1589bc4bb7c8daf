"""Errors that the user can cure."""


class JobError(Exception):
    """What was given is wrong: one sentence of the form `where: what failed — expected X, got Y. Cure.`"""


class DivergenceError(Exception):
    """A loss or gradient is not finite, or the gradient exploded; the weights are those before the step."""
