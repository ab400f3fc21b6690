"""/problems/SLUG: what a problem means and what to do about it, for programs and for people."""

from drf_problems.views import ErrorDocumentationView
from rest_framework.renderers import JSONRenderer, TemplateHTMLRenderer


class ProblemPage(ErrorDocumentationView):  # type: ignore[misc]
    """drf-problems' page of a registered type, as HTML in a browser and as JSON elsewhere."""

    renderer_classes = [JSONRenderer, TemplateHTMLRenderer]
    template_name = "problem.html"
    schema = None
