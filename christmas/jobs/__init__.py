"""Jobs with dot notation: ``jobs.integrator.sync_links(vendor="ornament_shop_com", year=1998).submit()``."""

from christmas.jobs import integrator

__all__ = ["integrator"]
