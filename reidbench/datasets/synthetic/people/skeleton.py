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

Floats = npt.NDArray[np.float64]

# Distance of heel and toe from the ankle along the foot, in body heights.
HEEL, TOE = -0.036, 0.105
# Pitch of the foot at heel strike (toe up) and when the toe leaves the ground, in radians.
_STRIKE, _PUSH = 0.3, -0.65
# Angle of an arm that pulls a trolley, in radians.
TROLLEY_SWING = -0.45
# Largest fraction of the leg between hip and ankle, in a step and at its highest point; largest rise of the hip in a
# step, in metres.
_REACH, _STANDING_REACH, _BOUNCE = 0.995, 0.978, 0.055


Bone = IntEnum("Bone", [
    "PELVIS", "TRUNK", "HEAD", "LEFT_UPPER_ARM", "RIGHT_UPPER_ARM", "LEFT_FOREARM", "RIGHT_FOREARM",
    "LEFT_THIGH", "RIGHT_THIGH", "LEFT_SHIN", "RIGHT_SHIN", "LEFT_FOOT", "RIGHT_FOOT", "FRONT_PANEL",
    "BACK_PANEL", "GROUND",
], start=0)  # fmt: skip
"""Rigid parts of the body; cloth hangs from the two panels, a trolley rolls on the ground."""


class Skeleton:
    """Joints of one person in the rest pose, in metres, and the matrices of a pose."""

    def __init__(self, person: Appearance) -> None:
        build, height = person.build, person.build.height
        self.person = person
        self.hip, self.ankle = height * HIP * build.legs, height * ANKLE
        self.knee = self.ankle + 0.52 * person.leg
        self.hip_half, self.arm_half = 0.05 * height * build.hips, build.shoulder - 0.022
        self.shoulder, self.neck, self.chin = self.up(0.585), self.up(0.665), self.up(0.715)
        self.elbow = self.shoulder - 0.178 * height
        self.wrist = self.elbow - 0.15 * height
        arms, legs = [self.arm_half, -self.arm_half], [self.hip_half, -self.hip_half]
        self._rest = np.zeros((len(Bone), 3))
        self._rest[:, 1] = [0, 0, 0, *arms, *arms, *legs, *legs, *legs, 0, 0, 0]
        pairs = (self.shoulder, self.elbow, self.hip, self.knee, self.ankle, self.hip)
        self._rest[:, 2] = [self.hip, self.up(0.17), self.neck, *np.repeat(pairs, 2), 0]
        x, z, _ = self._stand(0.0)
        highest = z + math.sqrt((_REACH * person.leg) ** 2 - x * x) + _BOUNCE
        self._highest = min(highest, self.ankle + _STANDING_REACH * person.leg)

    def up(self, fraction: float) -> float:
        """Return the height between hip (0) and crown (1) in metres."""
        return self.hip + fraction * (self.person.build.height - self.hip)

    def pose(self, phase: float) -> npt.NDArray[np.float32]:
        """Return the matrix of each bone from rest to the pose: float32 (bones, 3, 4).

        Args:
            phase: radians of the gait cycle; at 0 the left heel strikes the ground, at pi the right one.
        """
        turns, joints = np.zeros((len(Bone), 3, 3)), np.zeros((len(Bone), 3))

        def attach(bone: int, parent: Bone, turn: Floats) -> None:
            turns[bone] = turn
            joints[bone] = joints[parent] + turns[parent] @ (self._rest[bone] - self._rest[parent])

        gait = self.person.gait
        twist, ankles = gait.twist * math.cos(phase), [self._step(phase), self._step(phase + math.pi)]
        turns[Bone.GROUND], turns[Bone.PELVIS] = np.eye(3), _about_z(-0.6 * twist)
        joints[Bone.PELVIS] = 0.0, gait.sway * math.sin(phase), 0.0
        offsets = (
            turns[Bone.PELVIS] @ (self._rest[[Bone.LEFT_THIGH, Bone.RIGHT_THIGH]] - self._rest[Bone.PELVIS]).T
        )
        hips = offsets.T + joints[Bone.PELVIS]
        joints[Bone.PELVIS, 2] = min(self._reach(ankles[side], hips[side], side) for side in (0, 1))
        attach(Bone.TRUNK, Bone.PELVIS, _about_z(twist) @ _about_y(gait.lean + gait.stoop))
        attach(Bone.HEAD, Bone.TRUNK, _about_y(0.3 * gait.lean + 1.2 * gait.stoop))
        swings = []
        for side, y in enumerate((1, -1)):
            x, z, pitch = ankles[side]
            leg = (x, y * self.hip_half, z) - hips[side] - (0, 0, joints[Bone.PELVIS, 2])
            roll, swing, knee = self._bend_leg(*leg)
            attach(Bone.LEFT_THIGH + side, Bone.PELVIS, roll @ _about_y(-swing))
            attach(Bone.LEFT_SHIN + side, Bone(Bone.LEFT_THIGH + side), roll @ _about_y(knee - swing))
            foot = _about_z(y * gait.toe_out) @ _about_y(-pitch)
            attach(Bone.LEFT_FOOT + side, Bone(Bone.LEFT_SHIN + side), foot)
            swings.append(swing)
            swing, elbow = self._bend_arm(phase + side * math.pi, y)
            spread = _about_z(twist) @ _about_x(y * gait.spread)
            attach(Bone.LEFT_UPPER_ARM + side, Bone.TRUNK, spread @ _about_y(-swing))
            forearm = spread @ _about_x(-0.5 * y * gait.spread) @ _about_y(-swing - elbow)
            attach(Bone.LEFT_FOREARM + side, Bone(Bone.LEFT_UPPER_ARM + side), forearm)
        attach(Bone.FRONT_PANEL, Bone.PELVIS, _about_y(-max(swings)))
        attach(Bone.BACK_PANEL, Bone.PELVIS, _about_y(-min(swings)))
        moves = joints - (turns * self._rest[:, None, :]).sum(axis=2)
        # Rounding hides the last digits, in which mathematical libraries differ.
        return np.round(np.concatenate((turns, moves[:, :, None]), axis=2), 6).astype(np.float32)

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
        return x, self._clear(pitch)[1] + 0.03 * math.sin(math.pi * share), pitch

    def _stand(self, share: float) -> tuple[float, float, float]:
        """Return x and z of the ankle and the pitch in the stance phase, `share` in 0..1."""
        pitch = _STRIKE * max(0.0, 1 - share / 0.2) + _PUSH * max(0.0, (share - 0.55) / 0.45) ** 1.5
        shift, z = self._clear(pitch)
        return self.person.step * (0.5 - share) + shift, z, pitch

    def _clear(self, pitch: float) -> tuple[float, float]:
        """Return x and z of the ankle when a foot turns about its heel or toe on the ground."""
        pivot = (HEEL if pitch > 0 else TOE) * self.person.build.height
        cos, sin = math.cos(pitch), math.sin(pitch)
        return pivot - pivot * cos - self.ankle * sin, self.ankle * cos - pivot * sin

    def _reach(self, ankle: tuple[float, float, float], hip: Floats, side: int) -> float:
        """Return the largest height of the hips at which a leg reaches its ankle."""
        across = float(hip[1]) - (1, -1)[side] * self.hip_half
        stretched = (_REACH * self.person.leg) ** 2 - (ankle[0] - float(hip[0])) ** 2 - across * across
        return min(ankle[1] + math.sqrt(stretched), self._highest)

    def _bend_leg(self, forward: float, left: float, up: float) -> tuple[Floats, float, float]:
        """Return the roll, the swing of the thigh and the angle of the knee for an ankle relative to the hip."""
        upper, lower = self.hip - self.knee, self.knee - self.ankle
        distance = min(math.sqrt(forward**2 + left**2 + up**2), 0.9999 * (upper + lower))
        knee = math.acos((distance**2 - upper**2 - lower**2) / (2 * upper * lower))
        swing = math.atan2(forward, math.hypot(left, up))
        swing += math.atan2(lower * math.sin(knee), upper + lower * math.cos(knee))
        return _about_x(math.atan2(left, -up)), swing, knee

    def _bend_arm(self, phase: float, side: int) -> tuple[float, float]:
        """Return the angles of upper arm and elbow; an arm swings against the leg of its side."""
        gait, bag = self.person.gait, self.person.bag
        wave = -math.cos(phase)
        swing, elbow = gait.arm_swing * wave + 0.05, gait.elbow + 0.6 * gait.arm_swing * max(0.0, wave)
        carried = {"hand": (0.25 * swing, 0.1), "trolley": (TROLLEY_SWING, 0.05)}
        return carried.get(bag.kind, (swing, elbow)) if bag.side == side else (swing, elbow)


def _about_x(angle: float) -> Floats:
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([[1.0, 0.0, 0.0], [0.0, cos, -sin], [0.0, sin, cos]])


def _about_y(angle: float) -> Floats:
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([[cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, cos]])


def _about_z(angle: float) -> Floats:
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
