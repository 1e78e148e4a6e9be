"""The console's own pages; mounted at the admin's path, before the admin's own routes."""

from django.urls import path

from apps.console.views import connection, door, index, keys, orders, resolve, safety

app_name = "console"

urlpatterns = [
    path("", index.index, name="index"),
    path("login/", door.SignIn.as_view(), name="login"),
    path("logout/", door.sign_out, name="logout"),
    path("bar/", door.bar, name="bar"),
    path("theme/", door.theme, name="theme"),
    path("safety/", safety.safety, name="safety"),
    path("safety/halt/", safety.halt, name="halt"),
    path("safety/reduce/", safety.reduce, name="reduce"),
    path("safety/resume/", safety.resume, name="resume"),
    path("connection/", connection.connection, name="connection"),
    path("connection/<str:name>/", connection.connection, name="connection_named"),
    path("connection/<str:name>/connect/", connection.wish, {"wanted": True}, name="connect"),
    path("connection/<str:name>/disconnect/", connection.wish, {"wanted": False}, name="disconnect"),
    path("orders/order/<uuid:uuid>/story/", orders.story, name="story"),
    path("orders/order/<uuid:uuid>/story.json", orders.story_json, name="story_json"),
    path("orders/order/<uuid:uuid>/cancel/", orders.cancel, name="cancel"),
    path("orders/order/<uuid:uuid>/resolve/", resolve.resolve, name="resolve"),
    path("access/apikey/new/", keys.new, name="key_new"),
    path("access/apikey/<str:key_id>/revoke/", keys.revoke, name="key_revoke"),
]
