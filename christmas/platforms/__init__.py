"""One base spider per shop platform, and the stages of a run."""
