"""FLIR Lepton 3.5: a radiometric camera of 160 x 120 pixels at about 9 frames a second."""

from drivers.api import Driver, Reject, ThermalFrameCaptured
from drivers.thermal.lepton.decode import CHANNEL, Y16Decoder
from drivers.thermal.lepton.session import link_for, open_lepton
from drivers.thermal.lepton.settings import LeptonSettings

DRIVER = Driver(
    settings=LeptonSettings,
    open=open_lepton,
    decoders={CHANNEL: Y16Decoder},
    events=(ThermalFrameCaptured, Reject),
    example={"source": "tcp"},
    link_for=link_for,
)
