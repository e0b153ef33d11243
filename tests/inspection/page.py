"""A page as a browser reads it, and text that a page must not fall for."""

from html.parser import HTMLParser

VOID = {"meta", "link", "br", "hr", "img", "input"}
HOSTILE = "</td><script>alert('x')</script>\"' onmouseover=\"y\" & \x00\u202e"


class Page(HTMLParser):
    """What a browser would see: every element with its attributes, and the texts by element."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((self.open[-1], data))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]
