namespace InverseSolver.Imaging;

/// <summary>The flags of an ISMRMRD acquisition that matter here. Bit n-1 of the header's word is the flag that ISMRMRD numbers n.</summary>
[Flags]
internal enum AcquisitionFlags : ulong
{
    None = 0,
    NoiseMeasurement = 1UL << 18,
    ParallelCalibration = 1UL << 19,
    ParallelCalibrationAndImaging = 1UL << 20,
    Reverse = 1UL << 21,
    Navigation = 1UL << 22,
    PhaseCorrection = 1UL << 23,
    HighPriorityFeedback = 1UL << 25,
    Dummy = 1UL << 26,
    RealTimeFeedback = 1UL << 27,
    SurfaceCoilCorrection = 1UL << 28,
    PhaseStabilisationReference = 1UL << 29,
    PhaseStabilisation = 1UL << 30,
}
