"""Links to posts and profiles: https to their own network, or none at all."""

from __future__ import annotations

import pytest

from connectors.links import post_url, profile_url


@pytest.mark.parametrize(
    ("id", "author", "url"),
    [
        ("x:123", "ada", "https://x.com/i/status/123"),
        ("bluesky:did:plc:abc/3kxyz", None, "https://bsky.app/profile/did:plc:abc/post/3kxyz"),
        ("mastodon:social.example/9", "ada@social.example", "https://social.example/@ada/9"),
        ("mastodon:social.example/9", "ada@b.example", "https://social.example/@ada@b.example/9"),
        ("mastodon:social.example/9", None, None),
        ("imap:abc", "ada@mail.example", None),
        ("demo:1", "ada", None),
        ("x:javascript", "ada", None),
        ("x:1/../../evil", "ada", None),
        ("x:1\n2", "ada", None),
        ("bluesky:did:plc:abc/../x", None, None),
        ("mastodon:evil.example:80@x/9", "a@b.example", None),
        ("mastodon:localhost/9", "ada@localhost", None),
        ("mastodon:social.example/9?x=<b>", "ada@social.example", None),
        ("", None, None),
    ],
)
def test_a_post_has_a_page_where_its_id_is_one_of_its_network(id, author, url):
    assert post_url(id, author) == url


@pytest.mark.parametrize(
    ("network", "author", "url"),
    [
        ("x", "@Ada_B", "https://x.com/Ada_B"),
        ("mastodon", "@ada@social.example", "https://social.example/@ada"),
        ("bluesky", "did:plc:abc", "https://bsky.app/profile/did:plc:abc"),
        ("bluesky", "ada.bsky.example", "https://bsky.app/profile/ada.bsky.example"),
        ("x", "ada/../evil", None),
        ("x", "ada?x=1", None),
        ("x", "a" * 16, None),
        ("mastodon", "ada@evil.example/x", None),
        ("mastodon", "javascript:alert(1)@x", None),
        ("bluesky", "ada b.example", None),
        ("imap", "ada@mail.example", None),
        ("x", None, None),
    ],
)
def test_an_account_has_a_page_where_its_name_can_be_one(network, author, url):
    assert profile_url(network, author) == url
