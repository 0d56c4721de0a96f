"""A Django service with the middleware of docs/guides/resource-servers.md, which is `latchkey.py` in the current folder."""

import os
import sys
from wsgiref.simple_server import make_server

sys.path.insert(0, os.getcwd())

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import re_path
from django.views.decorators.csrf import csrf_exempt


@csrf_exempt
def users(request):
    return JsonResponse({"organizationId": request.organization_id})


urlpatterns = [re_path("", users)]
settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    MIDDLEWARE=["latchkey.LatchkeyMiddleware"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="of a test",
)
make_server("127.0.0.1", int(os.environ["PORT"]), get_wsgi_application()).serve_forever()
