"""Read a page as a browser's parser would, and say what is wrong with it."""

import base64
import hashlib
import re
from html.parser import HTMLParser

VOID = {"meta", "input", "br", "link", "img", "hr"}


class Page(HTMLParser):
    """Elements with their attributes and text; `problems` lists what does not nest or repeats."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.problems, self.ids = [], [], [], set()
        self.feed(html)
        self.close()
        self.problems += [f"<{tag}> is never closed" for tag, _ in self.open]

    def handle_starttag(self, tag, attrs):
        element = {"tag": tag, "text": "", **dict(attrs)}
        if len(dict(attrs)) != len(attrs):
            self.problems.append(f"<{tag}> repeats an attribute")
        name = element.get("id")
        if name in self.ids:
            self.problems.append(f"id {name} is used twice")
        self.ids |= {name} - {None}
        self.elements.append(element)
        if tag not in VOID:
            self.open.append((tag, element))

    def handle_endtag(self, tag):
        if not self.open or self.open[-1][0] != tag:
            self.problems.append(f"</{tag}> closes {self.open[-1:]}")
        else:
            self.open.pop()

    def handle_data(self, data):
        for _, element in self.open:
            element["text"] += data

    def all(self, tag):
        return [element for element in self.elements if element["tag"] == tag]


def assert_self_contained(html):
    page = Page(html)
    assert page.problems == []
    assert re.findall(r"https?://|//cdn|@import|url\(\s*['\"]?(?!#)", html) == []
    for element in page.elements:
        handlers = [key for key in element if key.startswith("on") or key == "style"]
        assert handlers == [], element
        target = element.get("href", element.get("src", "#"))
        assert target.startswith("#") or target == "worklist.csv", target
    (policy,) = [m["content"] for m in page.all("meta") if "http-equiv" in m]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        for element in page.all(tag):
            digest = base64.b64encode(hashlib.sha256(element["text"].encode()).digest()).decode()
            assert f"{tag}-src 'sha256-{digest}'" in policy
    return page
