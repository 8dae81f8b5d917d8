"""The demo page of the image classifier in a real browser: a test image, a drawing, a dropped photo, the heatmap."""

import base64
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, FloatRect, Page, expect

from .pages import watched_page
from .project import Project
from .service import Service

pytestmark = [pytest.mark.slow, pytest.mark.stages("image_classifier")]

# Drops a file, as a person does who drags it from a folder.
DROP = """
([text, name]) => {
  const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type: "image/png" }));
  document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
}
"""
# How much colour, which only the heatmap has, is on the overlay: grey pixels have three equal channels.
COLOUR = """
() => {
  const overlay = document.getElementById("overlay");
  const { data } = overlay.getContext("2d").getImageData(0, 0, overlay.width, overlay.height);
  let colour = 0;
  for (let place = 0; place < data.length; place += 4) colour += data[place] - data[place + 2] > 30;
  return colour / (overlay.width * overlay.height);
}
"""


@pytest.fixture
def page(browser: Browser, service: Service) -> Iterator[Page]:
    """The demo with its first prediction."""
    with watched_page(browser, service) as opened:
        expect(opened.locator("#classes > li").first).to_be_visible()
        yield opened


def box_of(page: Page) -> FloatRect:
    """Where the picture is on the screen."""
    box = page.locator("#picture").bounding_box()
    assert box
    return box


def test_it_begins_with_a_test_image_that_it_recognises(page: Page, service: Service, trained: Project) -> None:
    with service.client() as client:
        answer = client.post("/predict", json=trained.example()).json()
    expect(page.locator("#prediction")).to_have_text(answer["predictions"][0]["label"])
    expect(page.locator("#detail")).to_contain_text("%")
    assert page.locator("#classes > li").count() == 10
    assert page.evaluate(COLOUR) > 0.02


def test_a_drawing_is_classified(page: Page) -> None:
    """Two upright strokes, joined above, are trousers more than a bag."""
    before = page.locator("#classes").inner_text()
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#warnings")).to_contain_text("one colour")
    box = box_of(page)

    def move(right: float, down: float) -> None:
        page.mouse.move(box["x"] + right * box["width"], box["y"] + down * box["height"], steps=5)

    move(0.38, 0.9)
    page.mouse.down()
    for place in ((0.4, 0.12), (0.6, 0.12), (0.62, 0.9)):
        move(*place)
    page.mouse.up()
    expect(page.locator("#warnings")).not_to_contain_text("one colour")
    assert page.locator("#classes").inner_text() != before
    page.get_by_role("button", name="A test image").click()
    expect(page.locator("#classes")).to_have_text(before.replace("\n", ""), use_inner_text=False)


def test_a_dropped_image_and_a_chosen_file_are_classified(page: Page, trained: Project) -> None:
    expected = page.locator("#classes").inner_text()
    text = trained.example()["image"]
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#warnings")).to_contain_text("one colour")
    page.evaluate(DROP, [text, "photo.png"])
    expect(page.locator("#classes")).to_have_text(expected.replace("\n", ""))
    page.get_by_label("Invert").check()
    expect(page.locator("#warnings")).to_contain_text("background is bright")
    page.get_by_label("Invert").uncheck()
    page.get_by_label("Image file").set_input_files(
        {"name": "photo.png", "mimeType": "image/png", "buffer": base64.b64decode(text)}
    )
    expect(page.locator("#classes")).to_have_text(expected.replace("\n", ""))


def test_what_is_no_image_is_said(page: Page) -> None:
    page.evaluate(DROP, [base64.b64encode(b"no image").decode(), "photo.png"])
    expect(page.locator("#message")).to_contain_text("cannot read this file")
    page.get_by_role("button", name="A test image").click()
    expect(page.locator("#message")).to_be_hidden()


def test_a_click_on_a_class_shows_where_it_is_seen(page: Page) -> None:
    second = page.locator("#classes button").nth(1)
    name = second.locator("span").first.inner_text()
    second.click()
    expect(page.locator("#looks")).to_contain_text(name)
    expect(page.locator('#classes button[aria-pressed="true"]')).to_contain_text(name)
