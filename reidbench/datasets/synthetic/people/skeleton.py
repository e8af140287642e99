"""Joints of a body and their positions in a gait cycle.

The feet follow the ground: while a foot stands, it moves back under the body at the walking speed, so that it does not
slide. The joints of the leg follow from hip and ankle.
"""

from __future__ import annotations

import math
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from reidbench.datasets.synthetic.people.appearance import ANKLE, HIP, STANCE, Appearance

Point = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]


class Bone(IntEnum):
    """Rigid parts of the body; cloth hangs from the two panels, a trolley rolls on the ground."""

    PELVIS = 0
    TRUNK = 1
    HEAD = 2
    LEFT_UPPER_ARM = 3
    RIGHT_UPPER_ARM = 4
    LEFT_FOREARM = 5
    RIGHT_FOREARM = 6
    LEFT_THIGH = 7
    RIGHT_THIGH = 8
    LEFT_SHIN = 9
    RIGHT_SHIN = 10
    LEFT_FOOT = 11
    RIGHT_FOOT = 12
    FRONT_PANEL = 13
    BACK_PANEL = 14
    GROUND = 15


# Distance of heel and toe from the ankle along the foot, in body heights.
HEEL, TOE = -0.036, 0.105
# Pitch of the foot at heel strike (toe up) and when the toe leaves the ground, in radians.
_STRIKE, _PUSH = 0.3, -0.65
# Largest rise of the hip in a step, in metres.
_BOUNCE = 0.055
# Angle of an arm that pulls a trolley, in radians.
TROLLEY_SWING = -0.45
# Largest fraction of the leg between hip and ankle; the knee is never stretched fully.
_REACH, _STANDING_REACH = 0.995, 0.978


class Skeleton:
    """Joints of one person in the rest pose, in metres, and the matrices of a pose."""

    def __init__(self, person: Appearance) -> None:
        build, height = person.build, person.build.height
        self.person = person
        self.hip = height * HIP * build.legs
        self.ankle = height * ANKLE
        self.knee = self.ankle + 0.52 * person.leg
        self.hip_half = 0.05 * height * build.hips
        self.waist = self.up(0.17)
        self.shoulder = self.up(0.585)
        self.neck = self.up(0.665)
        self.chin = self.up(0.715)
        self.arm_half = build.shoulder - 0.022
        self.elbow = self.shoulder - 0.178 * height
        self.wrist = self.elbow - 0.15 * height
        self.rest = self._list_joints()
        x, z, _ = self._stand(0.0)
        self._stretch_at_strike = z + math.sqrt((_REACH * person.leg) ** 2 - x * x)

    def up(self, fraction: float) -> float:
        """Return the height between hip (0) and crown (1) in metres."""
        return self.hip + fraction * (self.person.build.height - self.hip)

    def _list_joints(self) -> npt.NDArray[np.float64]:
        joints = np.zeros((len(Bone), 3))
        joints[Bone.PELVIS, 2] = self.hip
        joints[Bone.TRUNK, 2] = self.waist
        joints[Bone.HEAD, 2] = self.neck
        joints[[Bone.FRONT_PANEL, Bone.BACK_PANEL], 2] = self.hip
        for side in (0, 1):
            y = (1, -1)[side]
            joints[Bone.LEFT_UPPER_ARM + side] = 0, y * self.arm_half, self.shoulder
            joints[Bone.LEFT_FOREARM + side] = 0, y * self.arm_half, self.elbow
            joints[Bone.LEFT_THIGH + side] = 0, y * self.hip_half, self.hip
            joints[Bone.LEFT_SHIN + side] = 0, y * self.hip_half, self.knee
            joints[Bone.LEFT_FOOT + side] = 0, y * self.hip_half, self.ankle
        return joints

    def pose(self, phase: float) -> npt.NDArray[np.float32]:
        """Return the matrix of each bone from rest to the pose: float32 (bones, 3, 4).

        Args:
            phase: radians of the gait cycle; at 0 the left heel strikes the ground, at pi the right one.
        """
        turns = np.zeros((len(Bone), 3, 3))
        joints = np.zeros((len(Bone), 3))
        gait = self.person.gait
        ankles = [self._step(phase), self._step(phase + math.pi)]
        sway = gait.sway * math.sin(phase)
        twist = gait.twist * math.cos(phase)
        pelvis = _about_z(-0.6 * twist)
        hips = [
            pelvis @ np.array([0.0, y * self.hip_half, 0.0]) + np.array([0.0, sway, 0.0]) for y in (1, -1)
        ]
        hip = min(self._highest_hip(*ankle, offset) for ankle, offset in zip(ankles, hips, strict=True))
        turns[Bone.PELVIS], joints[Bone.PELVIS] = pelvis, (0.0, sway, hip)
        turns[Bone.GROUND] = np.eye(3)
        self._pose_trunk(turns, joints, twist)
        swings = []
        for side in (0, 1):
            joints[Bone.LEFT_THIGH + side] = hips[side] + np.array([0.0, 0.0, hip])
            swings.append(self._pose_leg(turns, joints, side, ankles[side]))
            self._pose_arm(turns, joints, side, phase + side * math.pi)
        for bone, swing in ((Bone.FRONT_PANEL, max(swings)), (Bone.BACK_PANEL, min(swings))):
            turns[bone], joints[bone] = _about_y(-swing), joints[Bone.PELVIS]
        offsets = joints - (turns * self.rest[:, None, :]).sum(axis=2)
        # Rounding hides the last digits, in which mathematical libraries differ.
        matrices = np.round(np.concatenate((turns, offsets[:, :, None]), axis=2), 6)
        return matrices.astype(np.float32)

    def _step(self, phase: float) -> tuple[float, float, float]:
        """Return x and z of the ankle and the pitch of the foot (toe up) of the leg that strikes at phase 0."""
        cycle = phase / (2 * math.pi) % 1.0
        if cycle < STANCE:
            return self._stand(cycle / STANCE)
        start, end = self._stand(1.0), self._stand(0.0)
        share = (cycle - STANCE) / (1 - STANCE)
        smooth = share * share * (3 - 2 * share)
        # A cubic that leaves and reaches the ground at the speed of the ground.
        drift = -self.person.step * (1 - STANCE) / STANCE
        x = start[0] + (end[0] - start[0]) * smooth + drift * share * (1 - share) * (1 - 2 * share)
        pitch = start[2] + (end[2] - start[2]) * smooth
        return x, self._clear(pitch) + 0.03 * math.sin(math.pi * share), pitch

    def _stand(self, share: float) -> tuple[float, float, float]:
        """Return x and z of the ankle and the pitch in the stance phase, `share` in 0..1."""
        x = self.person.step * (0.5 - share)
        pitch = _STRIKE * max(0.0, 1 - share / 0.2) + _PUSH * max(0.0, (share - 0.55) / 0.45) ** 1.5
        pivot = (HEEL if pitch > 0 else TOE) * self.person.build.height
        # The point of the sole under the pivot stays on the ground.
        return x + pivot - pivot * math.cos(pitch) - self.ankle * math.sin(pitch), self._clear(pitch), pitch

    def _clear(self, pitch: float) -> float:
        """Return the lowest height of the ankle at which neither heel nor toe is under the ground."""
        pivot = (HEEL if pitch > 0 else TOE) * self.person.build.height
        return self.ankle * math.cos(pitch) - pivot * math.sin(pitch)

    def _highest_hip(self, x: float, z: float, pitch: float, offset: Point) -> float:
        length = self.person.leg
        across = offset[1] - math.copysign(self.hip_half, offset[1])
        stretched = z + math.sqrt((_REACH * length) ** 2 - (x - offset[0]) ** 2 - across * across)
        return min(stretched, self.ankle + _STANDING_REACH * length, self._stretch_at_strike + _BOUNCE)

    def _pose_trunk(self, turns: Matrix, joints: Matrix, twist: float) -> None:
        gait = self.person.gait
        lean = gait.lean + gait.stoop
        turns[Bone.TRUNK] = _about_z(twist) @ _about_y(lean)
        joints[Bone.TRUNK] = joints[Bone.PELVIS] + turns[Bone.PELVIS] @ self._offset(Bone.TRUNK, Bone.PELVIS)
        turns[Bone.HEAD] = _about_y(0.3 * gait.lean + 1.2 * gait.stoop)
        joints[Bone.HEAD] = joints[Bone.TRUNK] + turns[Bone.TRUNK] @ self._offset(Bone.HEAD, Bone.TRUNK)

    def _pose_leg(self, turns: Matrix, joints: Matrix, side: int, ankle: tuple[float, float, float]) -> float:
        """Pose a leg by its hip and ankle; return the angle of the thigh."""
        y = (1, -1)[side]
        hip = joints[Bone.LEFT_THIGH + side]
        foot = np.array([ankle[0], y * self.hip_half, ankle[1]])
        forward, left, up = foot - hip
        roll = math.atan2(left, -up)
        upper, lower = self.hip - self.knee, self.knee - self.ankle
        distance = min(math.sqrt(forward**2 + left**2 + up**2), 0.9999 * (upper + lower))
        knee = math.acos((distance**2 - upper**2 - lower**2) / (2 * upper * lower))
        swing = math.atan2(forward, math.hypot(left, up))
        swing += math.atan2(lower * math.sin(knee), upper + lower * math.cos(knee))
        turns[Bone.LEFT_THIGH + side] = _about_x(roll) @ _about_y(-swing)
        turns[Bone.LEFT_SHIN + side] = _about_x(roll) @ _about_y(knee - swing)
        turns[Bone.LEFT_FOOT + side] = _about_z(y * self.person.gait.toe_out) @ _about_y(-ankle[2])
        thigh = self._offset(Bone.LEFT_SHIN + side, Bone.LEFT_THIGH + side)
        joints[Bone.LEFT_SHIN + side] = hip + turns[Bone.LEFT_THIGH + side] @ thigh
        joints[Bone.LEFT_FOOT + side] = foot
        return swing

    def _pose_arm(self, turns: Matrix, joints: Matrix, side: int, phase: float) -> None:
        """Pose an arm, which swings against the leg of its side."""
        gait, bag = self.person.gait, self.person.bag
        y = (1, -1)[side]
        wave = -math.cos(phase)
        swing, elbow = gait.arm_swing * wave + 0.05, gait.elbow + 0.6 * gait.arm_swing * max(0.0, wave)
        if bag.side == y and bag.kind == "hand":
            swing, elbow = 0.25 * swing, 0.1
        if bag.side == y and bag.kind == "trolley":
            swing, elbow = TROLLEY_SWING, 0.05
        trunk = turns[Bone.TRUNK]
        spread = _about_z(math.atan2(trunk[1, 0], trunk[0, 0])) @ _about_x(y * gait.spread)
        turns[Bone.LEFT_UPPER_ARM + side] = spread @ _about_y(-swing)
        turns[Bone.LEFT_FOREARM + side] = spread @ _about_x(-y * 0.5 * gait.spread) @ _about_y(-swing - elbow)
        shoulder = trunk @ self._offset(Bone.LEFT_UPPER_ARM + side, Bone.TRUNK)
        joints[Bone.LEFT_UPPER_ARM + side] = joints[Bone.TRUNK] + shoulder
        arm = self._offset(Bone.LEFT_FOREARM + side, Bone.LEFT_UPPER_ARM + side)
        joints[Bone.LEFT_FOREARM + side] = (
            joints[Bone.LEFT_UPPER_ARM + side] + turns[Bone.LEFT_UPPER_ARM + side] @ arm
        )

    def _offset(self, bone: int, parent: int) -> Point:
        offset: Point = self.rest[bone] - self.rest[parent]
        return offset


def _about_x(angle: float) -> Matrix:
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([[1.0, 0.0, 0.0], [0.0, cos, -sin], [0.0, sin, cos]])


def _about_y(angle: float) -> Matrix:
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([[cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, cos]])


def _about_z(angle: float) -> Matrix:
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
