"""What christmas adds to Scrapyd: the jobs table as its queue, access control, and eggs in the database."""
