"""What can stop a training run; the message says what to do."""


class TrainingError(Exception):
    """Training cannot go on."""
