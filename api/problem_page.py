"""/problems/SLUG: what a problem means and what to do about it, for people and programs."""

from drf_problems.views import ErrorDocumentationView
from rest_framework.renderers import JSONRenderer, TemplateHTMLRenderer


class ProblemPage(ErrorDocumentationView):  # type: ignore[misc]
    """drf-problems' page of a problem type: HTML for browsers, JSON for others."""

    renderer_classes = [JSONRenderer, TemplateHTMLRenderer]
    template_name = "problem.html"
    schema = None
