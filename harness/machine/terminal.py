interactive = None
