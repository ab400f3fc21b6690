class PolicyService:
    def __init__(self, origin, *, limiter=None, now=None, expected=None):
        self.effective_by = None
    def __getattr__(self, name):
        raise NotImplementedError(name)
