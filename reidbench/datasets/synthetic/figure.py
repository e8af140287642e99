"""Drawing of one walking person, back to front, as part numbers on a canvas."""

from __future__ import annotations

import math

from reidbench.datasets.synthetic.appearance import Appearance, Bag, Bottom, Hair
from reidbench.datasets.synthetic.canvas import Canvas
from reidbench.datasets.synthetic.garments import SHOULDER, Torso, draw_top
from reidbench.datasets.synthetic.parts import Part
from reidbench.datasets.synthetic.pose import Pose

# Proportions of an adult, in body heights from the crown.
_HIP, _THIGH, _SHANK, _SOLE = 0.50, 0.24, 0.22, 0.98
_UPPER_ARM, _FOREARM = 0.16, 0.15

_Point = tuple[float, float]


def draw_figure(canvas: Canvas, person: Appearance, pose: Pose, offset: int = 0) -> None:
    """Draw a person; `offset` is added to each part number."""
    _Figure(canvas, person, pose, offset).draw()


class _Figure:
    """One person in one pose, drawn in the order of depth."""

    def __init__(self, canvas: Canvas, person: Appearance, pose: Pose, offset: int) -> None:
        self._canvas, self._person, self._pose, self._offset = canvas, person, pose, offset
        self._width = person.build.width

    def draw(self) -> None:
        far, near = self._pose.sides_far_first()
        facing = self._pose.cos > 0
        luggage = self._person.luggage
        if luggage.kind is Bag.BACKPACK and facing:
            self._draw_backpack()
        self._draw_arm(far, Part.FAR_SLEEVE, Part.FAR_SKIN)
        if luggage.kind is Bag.SHOULDER and luggage.side == far:
            self._draw_shoulder_bag()
        if self._person.head.hair is Hair.LONG and facing:
            self._draw_long_hair()
        self._draw_leg(far, Part.FAR_LOWER)
        self._draw_leg(near, Part.LOWER)
        if self._person.outfit.bottom is Bottom.SKIRT:
            self._draw_skirt()
        self._draw_torso()
        self._draw_head()
        self._draw_arm(near, Part.SLEEVE, Part.SKIN)
        if luggage.kind is Bag.SHOULDER and luggage.side == near:
            self._draw_shoulder_bag()
        if luggage.kind is Bag.BACKPACK and not facing:
            self._draw_backpack()

    def _draw_leg(self, side: int, cloth: Part) -> None:
        outfit, unit = self._person.outfit, self._pose.unit
        phase = self._pose.phase + (0.0 if side > 0 else math.pi)
        thigh = self._person.gait.stride * math.sin(phase)
        # The knee of the swinging leg is bent.
        shank = thigh - 0.12 - 0.6 * max(0.0, math.cos(phase))
        lateral = side * 0.056 * self._width
        hip = self._project(0.0, lateral, _HIP)
        knee = self._limb_end(0.0, _HIP, thigh, _THIGH)
        ankle = self._limb_end(*knee, shank, _SHANK)
        ankle = (ankle[0], min(ankle[1], _SOLE - 0.015))
        bare = outfit.bottom is not Bottom.TROUSERS
        skin = Part.FAR_SKIN if cloth is Part.FAR_LOWER else Part.SKIN
        knee_pixel, ankle_pixel = (
            self._project(knee[0], lateral, knee[1]),
            self._project(ankle[0], lateral, ankle[1]),
        )
        toe = self._project(ankle[0] + 0.075, lateral * 1.1, ankle[1] + 0.012)
        cuff = self._limb_end(*knee, shank, _SHANK - (0.0 if bare else 0.03))
        self._draw_limb(
            knee_pixel,
            self._project(cuff[0], lateral, cuff[1]),
            (0.042 if bare else 0.066 * self._width) * unit,
            skin if bare else cloth,
        )
        self._draw_limb(ankle_pixel, toe, 0.038 * unit, Part.SHOE)
        self._draw_limb(
            hip, knee_pixel, 0.100 * self._width * unit, skin if outfit.bottom is Bottom.SKIRT else cloth
        )

    def _draw_skirt(self) -> None:
        sway = 0.02 * math.sin(self._pose.phase)
        half = 0.105 * self._width
        corners = [
            (-0.085 * self._width, 0.46),
            (0.085 * self._width, 0.46),
            (half + sway, 0.74),
            (-half + sway, 0.74),
        ]
        pose = self._pose
        points = [(pose.x + pose.unit * across, pose.y + pose.unit * height) for across, height in corners]
        self._canvas.fill_polygon(points, self._offset + Part.LOWER)

    def _draw_torso(self) -> None:
        self._draw_limb(
            self._project(0.0, 0.0, 0.12),
            self._project(0.0, 0.0, SHOULDER + 0.01),
            0.05 * self._pose.unit,
            Part.SKIN,
        )
        torso = Torso(self._canvas, self._pose, self._person, self._offset)
        draw_top(torso, self._person)
        if self._person.luggage.kind is Bag.SHOULDER:
            self._draw_shoulder_strap()

    def _draw_arm(self, side: int, sleeve: Part, skin: Part) -> None:
        pose, person = self._pose, self._person
        # Arm and leg of one side move in opposite directions.
        phase = pose.phase + (math.pi if side > 0 else 0.0)
        has_bag = person.luggage.kind is Bag.HAND and person.luggage.side == side
        swing = person.gait.arm_swing * (0.25 if has_bag else 1.0) * math.sin(phase)
        lateral = side * (0.112 * self._width + 0.012)
        elbow = self._limb_end(0.0, SHOULDER + 0.03, swing, _UPPER_ARM)
        hand = self._limb_end(*elbow, swing + (0.05 if has_bag else 0.3), _FOREARM)
        start = self._project(0.0, lateral * 0.92, SHOULDER + 0.035)
        bend = self._project(elbow[0], lateral * 1.06, elbow[1])
        end = self._project(hand[0], lateral * 1.05, hand[1])
        width = 0.058 * (0.6 + 0.4 * self._width) * pose.unit
        if has_bag:
            self._draw_hand_bag(end)
        self._draw_limb(bend, end, width * 0.8, sleeve if person.outfit.long_sleeves else skin)
        self._canvas.fill_ellipse(end, (0.021 * pose.unit, 0.023 * pose.unit), self._offset + skin)
        self._draw_limb(start, bend, width, sleeve)

    def _draw_head(self) -> None:
        pose, unit, hair = self._pose, self._pose.unit, self._person.head.hair
        centre = self._project(0.012, 0.0, 0.070)
        self._canvas.fill_ellipse(centre, (0.048 * unit, 0.066 * unit), self._offset + Part.HAIR)
        if pose.cos > -0.55:
            # 0: only the back of the head is visible, 1: the full face.
            towards = (pose.cos + 0.55) / 1.55
            face = (centre[0] + 0.026 * unit * pose.sin, centre[1] + 0.014 * unit)
            self._canvas.fill_ellipse(
                face, ((0.014 + 0.026 * towards) * unit, 0.050 * unit), self._offset + Part.SKIN
            )
        if hair is Hair.LONG and pose.cos <= 0:
            self._draw_long_hair()
        if hair is Hair.HAT:
            crown = (centre[0], centre[1] - 0.034 * unit)
            self._canvas.fill_ellipse(crown, (0.053 * unit, 0.036 * unit), self._offset + Part.HAT)
            brim = (centre[0] + 0.045 * unit * pose.sin, centre[1] - 0.012 * unit)
            self._draw_limb((centre[0], brim[1]), brim, 0.02 * unit, Part.HAT)

    def _draw_long_hair(self) -> None:
        pose, unit = self._pose, self._pose.unit
        x, y = pose.x - 0.02 * pose.sin * unit, pose.y
        points = [(x - 0.048 * unit, y + 0.06 * unit), (x + 0.048 * unit, y + 0.06 * unit)]
        points += [(x + 0.062 * unit, y + 0.215 * unit), (x - 0.062 * unit, y + 0.215 * unit)]
        self._canvas.fill_polygon(points, self._offset + Part.HAIR)

    def _draw_backpack(self) -> None:
        pose, size = self._pose, self._person.luggage.size
        half = (0.078 * abs(pose.cos) + 0.048 * abs(pose.sin)) * size * pose.unit
        centre = self._project(-0.098, 0.0, 0.165 + 0.12 * size)
        self._canvas.fill_box(centre, (half, 0.118 * size * pose.unit), self._offset + Part.BAG)
        pocket = (centre[0], centre[1] + 0.06 * size * pose.unit)
        self._canvas.fill_box(pocket, (half * 0.8, 0.035 * size * pose.unit), self._offset + Part.BAG_EDGE)

    def _draw_shoulder_bag(self) -> None:
        luggage, pose = self._person.luggage, self._pose
        half = (0.05 * abs(pose.cos) + 0.085 * abs(pose.sin)) * luggage.size * pose.unit
        centre = self._project(-0.02, luggage.side * 0.135 * self._width, 0.53)
        self._canvas.fill_box(centre, (half, 0.07 * luggage.size * pose.unit), self._offset + Part.BAG)
        flap = (centre[0], centre[1] - 0.04 * luggage.size * pose.unit)
        self._canvas.fill_box(flap, (half, 0.022 * luggage.size * pose.unit), self._offset + Part.BAG_EDGE)

    def _draw_shoulder_strap(self) -> None:
        side = self._person.luggage.side
        start = self._project(0.0, -side * 0.075 * self._width, SHOULDER + 0.005)
        end = self._project(0.0, side * 0.11 * self._width, 0.48)
        self._draw_limb(start, end, 0.018 * self._pose.unit, Part.STRAP)

    def _draw_hand_bag(self, hand: _Point) -> None:
        luggage, pose = self._person.luggage, self._pose
        half = (0.035 * abs(pose.cos) + 0.09 * abs(pose.sin)) * luggage.size * pose.unit
        centre = (hand[0], hand[1] + 0.085 * luggage.size * pose.unit)
        self._canvas.fill_box(centre, (half, 0.062 * luggage.size * pose.unit), self._offset + Part.BAG)
        self._draw_limb(
            (hand[0] - half / 2, centre[1] - 0.07 * pose.unit), hand, 0.01 * pose.unit, Part.BAG_EDGE
        )

    def _draw_limb(self, start: _Point, end: _Point, width: float, part: Part) -> None:
        self._canvas.draw_limb(start, end, width, self._offset + part)

    def _project(self, forward: float, lateral: float, height: float) -> _Point:
        return self._pose.project(forward, lateral, height)

    @staticmethod
    def _limb_end(forward: float, height: float, angle: float, length: float) -> _Point:
        """Return forward and height of the end of a limb at `angle` to the vertical."""
        return forward + length * math.sin(angle), height + length * math.cos(angle)
