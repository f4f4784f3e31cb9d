"""One base spider per shop platform, and Integration, the base of them all."""
