"""The one door to django-oauth-toolkit: its master moves nearly every path, so an upgrade is a change of this folder.

Two modules, because its validator may be imported only once the swapped models exist.
"""
