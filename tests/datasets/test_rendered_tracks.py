"""Rendered tracks: what a camera shows of one person, compared with the scene that it is drawn from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reidbench.datasets.masks import MASK_IN_FRONT
from reidbench.datasets.synthetic import RENDERER_VERSION, detector, light, scene
from reidbench.datasets.synthetic.backdrop import WINDOW, cut_backdrop
from reidbench.datasets.synthetic.cameras import CAMERAS, FRONT, SIDE, Camera, draw_camera
from reidbench.datasets.synthetic.detector import Detector
from reidbench.datasets.synthetic.difficulty import DIFFICULTY, Difficulty
from reidbench.datasets.synthetic.layouts.ilids_vid import LAYOUT
from reidbench.datasets.synthetic.light import PathLight, Sun
from reidbench.datasets.synthetic.objects import make_box
from reidbench.datasets.synthetic.path import Path
from reidbench.datasets.synthetic.people import Appearance, draw_people
from reidbench.datasets.synthetic.raster import Window, fill, project, sort_visible, to_pixels
from reidbench.datasets.synthetic.scene import Track
from reidbench.datasets.synthetic.seeding import Stream, make_rng
from reidbench.datasets.synthetic.settings import SyntheticSettings

EMPTY = replace(DIFFICULTY, object_rate=0, walkers_in_front=0, walkers_behind=0)


@pytest.fixture(scope="module")
def people() -> tuple[Appearance, ...]:
    return draw_people(503, 12)


@pytest.fixture
def empty_scene(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene, "DIFFICULTY", EMPTY)


def draw_boxes(
    *boxes: tuple[tuple[float, float, float], tuple[float, float, float]], eye: float
) -> np.ndarray:
    """Return the number of the box on each pixel of a canvas of 60 x 80, 40 pixels per unit of the image plane."""
    canvas = np.zeros((60, 80, 1), np.uint8)
    facets = [make_box(low, size, (1, 1, 1)) for low, size in boxes]
    corners = np.concatenate([item.corners for item in facets])
    numbers = np.repeat(np.arange(1, len(boxes) + 1), len(corners) // len(boxes))[:, None].astype(np.uint8)
    points = to_pixels(project(corners, eye), Window(-1.0, -0.75, 40.0))
    visible = sort_visible(corners, points, canvas.shape)
    fill(canvas, points[visible], numbers[visible])
    return canvas[:, :, 0]


def test_a_box_covers_the_pixels_that_its_position_says() -> None:
    canvas = draw_boxes(((-1.0, 4.0, 0.5), (2.0, 1.0, 1.0)), eye=1.0)
    rows, columns = np.nonzero(canvas)

    # 2 m by 1 m at a distance of 4 m are 20 by 10 pixels around the centre.
    assert (columns.min(), columns.max()) == (pytest.approx(30, abs=1), pytest.approx(49, abs=1))
    assert (rows.min(), rows.max()) == (pytest.approx(25, abs=1), pytest.approx(34, abs=1))
    assert canvas[25:35, 31:49].all()


def test_the_nearer_box_covers_the_farther_one_in_any_order() -> None:
    near, far = ((-0.5, 4.0, 0.5), (1.0, 0.5, 1.0)), ((-1.0, 6.0, 0.0), (2.0, 0.5, 2.0))

    assert draw_boxes(near, far, eye=1.0)[30, 40] == 1
    assert draw_boxes(far, near, eye=1.0)[30, 40] == 2


def test_facets_that_face_away_or_are_behind_the_camera_are_not_drawn() -> None:
    box = make_box((-0.5, 4.0, 0.5), (1.0, 1.0, 1.0), (1, 1, 1))
    points = to_pixels(project(box.corners, 1.0), Window(-1.0, -0.75, 40.0))

    assert sort_visible(box.corners, points, (60, 80)).tolist() == [0]
    assert not draw_boxes(((-0.5, -4.0, 0.5), (1.0, 1.0, 1.0)), eye=1.0).any()


def test_masks_have_three_values_and_a_person_of_plausible_size(people: tuple[Appearance, ...]) -> None:
    person_fractions = []
    clear_frames = occluded_frames = 0
    for index, person in enumerate(people):
        for camera in CAMERAS:
            track = Track(person, camera, seed=503, index=index, frames=3)
            for frame in range(track.length):
                mask = track.render_mask(frame)
                assert mask.shape == (128, 64)
                assert mask.max() <= 2
                if track.is_clear(frame):
                    clear_frames += 1
                    assert (mask != MASK_IN_FRONT).all()
                    person_fractions.append(float((mask == 1).mean()))
                else:
                    occluded_frames += 1
    assert clear_frames > occluded_frames > 0
    assert 0.2 < np.mean(person_fractions) < 0.5
    assert 0.12 < min(person_fractions) <= max(person_fractions) < 0.6


@pytest.mark.usefixtures("empty_scene")
def test_clothes_change_pixels_of_the_person_mask_only(people: tuple[Appearance, ...]) -> None:
    person = people[0]
    dark, bright = (
        replace(person, upper=replace(person.upper, colour=(level,) * 3)) for level in (0.05, 0.9)
    )
    tracks = [Track(variant, FRONT, seed=503, index=0, frames=2) for variant in (dark, bright)]
    change = np.abs(tracks[0].render(1).astype(int) - tracks[1].render(1)).mean(axis=2)
    mask = tracks[0].render_mask(1)

    assert np.array_equal(mask, tracks[1].render_mask(1))
    assert change[mask == 1].mean() > 10
    # Compression changes pixels near the person, too.
    assert change[mask == 1].mean() > 8 * change[mask == 0].mean()


@pytest.mark.usefixtures("empty_scene")
def test_walkers_and_objects_change_no_other_random_value(
    people: tuple[Appearance, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = [Track(person, FRONT, seed=503, index=n, frames=3) for n, person in enumerate(people)]
    monkeypatch.setattr(scene, "DIFFICULTY", replace(EMPTY, object_rate=0.4, walkers_in_front=0.5))
    crowded = [Track(person, FRONT, seed=503, index=n, frames=3) for n, person in enumerate(people)]
    clear = {(n, frame) for n in range(12) for frame in range(3) if crowded[n].is_clear(frame)}

    assert 6 < len(clear) < 30
    for n, frame in clear:
        np.testing.assert_array_equal(alone[n].render(frame), crowded[n].render(frame))


def test_frames_do_not_depend_on_the_order_of_rendering(people: tuple[Appearance, ...]) -> None:
    forward, backward = (Track(people[1], SIDE, seed=503, index=1, frames=3) for _ in range(2))
    frames = [forward.render(frame) for frame in range(3)]
    masks = {frame: backward.render_mask(frame) for frame in (2, 0, 1)}

    for frame in (2, 1, 0):
        np.testing.assert_array_equal(backward.render(frame), frames[frame])
        np.testing.assert_array_equal(forward.render_mask(frame), masks[frame])


def test_appearance_does_not_depend_on_the_camera() -> None:
    jobs = LAYOUT.plan(LAYOUT.resolve(SyntheticSettings(people=5, frames=1, seed=501))).jobs

    for first, second in zip(jobs[::2], jobs[1::2], strict=True):
        assert (first.camera, second.camera) == CAMERAS
        assert first.person == second.person


def test_the_side_camera_is_bluer_than_the_front_camera(people: tuple[Appearance, ...]) -> None:
    means = [
        np.mean(
            [
                Track(person, camera, seed=503, index=index, frames=1).render(0).mean((0, 1))
                for index, person in enumerate(people)
            ],
            axis=0,
        )
        for camera in CAMERAS
    ]

    assert means[1][2] - means[1][0] > means[0][2] - means[0][0] + 5


def test_no_track_is_black_or_blown_out(people: tuple[Appearance, ...]) -> None:
    for index, person in enumerate(people):
        for camera in CAMERAS:
            image = Track(person, camera, seed=503, index=index, frames=1).render(0)
            assert 25 < image.mean() < 200
            assert image.std() > 15
            assert (image > 250).mean() < 0.1


@pytest.mark.parametrize("frames", [1, 4, 16, 192, 920])
def test_paths_follow_the_speed_of_the_person_and_stay_in_view(
    people: tuple[Appearance, ...], frames: int
) -> None:
    for index, person in enumerate(people):
        for camera in CAMERAS:
            path = Path(make_rng(Stream.PATH, 503, index, camera.number), person, camera, frames)
            steps = np.hypot(np.diff(path.x), np.diff(path.y))
            np.testing.assert_allclose(steps, person.speed * np.diff(path.times), rtol=1e-6)
            np.testing.assert_allclose(np.diff(path.phases), person.cadence * np.diff(path.times))
            assert path.times[-1] - path.times[0] <= DIFFICULTY.walk_seconds
            assert path.y.min() > 3
            assert np.abs(path.x / path.y).max() < 0.8


def test_people_have_the_heading_of_their_camera_on_average(people: tuple[Appearance, ...]) -> None:
    for camera in CAMERAS:
        headings = []
        for index in range(200):
            path = Path(make_rng(Stream.PATH, 503, index, camera.number), people[0], camera, 1)
            # 0: the person walks to the camera.
            towards = np.arctan2(-path.y[0], -path.x[0])
            headings.append(np.degrees(path.angles[0] - towards))
        deviations = (np.array(headings) - camera.heading + 180) % 360 - 180
        sigma = camera.spread * DIFFICULTY.heading_sigma
        assert abs(deviations.mean()) < 3 * sigma / np.sqrt(200)
        assert deviations.std() == pytest.approx(sigma, rel=0.2)


def test_a_box_without_errors_has_the_margin_around_the_person(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = Difficulty(box_margin=1.1, box_bias=0, box_jitter=0, box_scale_bias=0, box_scale_jitter=0)
    monkeypatch.setattr(detector, "DIFFICULTY", exact)
    points = np.array([[[0.1, 0.2], [0.3, 0.2], [0.3, 1.2], [0.1, 1.2]]], np.float32)

    box = Detector(make_rng(Stream.DETECTOR, 1), 1).find_box(points, 0, 128)

    assert box.scale == pytest.approx(128 / 1.1)
    assert box.top == pytest.approx(0.2 - 0.05)
    assert box.left == pytest.approx(0.2 - 1.1 / 4)


def test_exposure_stays_in_its_limits_and_changes_along_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(light, "DIFFICULTY", replace(DIFFICULTY, path_cast=0))
    spreads = []
    for index in range(100):
        path_light = PathLight(make_rng(Stream.LIGHT, index), np.linspace(-2, 2, 16), cast_sigma=0)
        logs = [np.log(path_light.track * path_light.gains(frame)) for frame in range(16)]
        assert np.abs(logs).max() <= DIFFICULTY.max_exposure + 1e-6
        spreads.append(np.std(logs))
    assert np.mean(spreads) > 0.3 * DIFFICULTY.path_exposure


def test_surfaces_that_face_the_sun_are_the_brightest() -> None:
    normals = np.eye(3, dtype=np.float32)
    # The sun is on the right, at the horizon.
    right, away, up = Sun(90.0, 0.0, 0.8).light(normals).mean(axis=1)
    unlit = Sun(90.0, 0.0, 0.0).light(normals).mean(axis=1)

    assert right > 2 * away
    assert right > 2 * up
    assert unlit[0] == unlit[1] < unlit[2]


def test_a_cut_of_the_backdrop_shows_the_window_of_its_box() -> None:
    rows, columns = np.indices((512, 704))
    # Levels tell the position in the image plane.
    backdrop = np.stack([columns * 255 // 704, rows * 255 // 512, 0 * rows], axis=2).astype(np.uint8)
    box = Window(left=-0.1, top=0.1, scale=384 / 0.4)

    cut = cut_backdrop(backdrop, box, (64, 128), 384).astype(float)

    for row, column in ((0, 0), (127, 63), (64, 32)):
        x, y = box.left + (column + 0.5) / 64 * 0.2, box.top + (row + 0.5) / 128 * 0.4
        expected = [
            (x - WINDOW.left) * WINDOW.scale * 255 / 704,
            (y - WINDOW.top) * WINDOW.scale * 255 / 512,
        ]
        np.testing.assert_allclose(cut[row, column, :2], expected, atol=1.5)


def test_network_cameras_are_reproducible_and_differ() -> None:
    cameras = [draw_camera(number) for number in range(1, 16)]

    assert cameras == [draw_camera(number) for number in range(1, 16)]
    assert len({camera.tint for camera in cameras}) == len(cameras)
    for camera in cameras:
        assert np.abs(np.subtract(camera.tint, 1)).max() <= 0.1


# Mean colours of a coarse grid, which hide small differences between OpenCV builds. A change of these values needs a
# new renderer version, which records contain.
EXPECTED_GRIDS = {
    1: [
        [[83, 80, 77], [103, 95, 92]],
        [[70, 81, 87], [138, 138, 134]],
        [[134, 130, 144], [153, 140, 145]],
        [[167, 151, 149], [171, 154, 154]],
    ],
    2: [
        [[40, 46, 58], [62, 75, 76]],
        [[39, 45, 58], [47, 55, 69]],
        [[52, 60, 74], [59, 65, 78]],
        [[60, 65, 77], [52, 59, 68]],
    ],
}


@pytest.mark.parametrize("camera", CAMERAS, ids=["front", "side"])
def test_images_of_renderer_version_2_do_not_change(camera: Camera) -> None:
    assert RENDERER_VERSION == "2"
    image = Track(draw_people(7, 4)[1], camera, seed=7, index=1, frames=3).render(1)
    grid = image.reshape(4, 32, 2, 32, 3).mean((1, 3))

    np.testing.assert_allclose(grid, EXPECTED_GRIDS[camera.number], atol=2.0)
