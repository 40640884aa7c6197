using System.Buffers.Binary;

namespace InverseSolver.Imaging;

/// <summary>The header of one ISMRMRD acquisition, and where its samples begin among all.</summary>
internal sealed record Acquisition
{
    /// <summary>Bytes of a header (ismrmrd.h's ISMRMRD_AcquisitionHeader, packed to two bytes).</summary>
    internal const int HeaderBytes = 340;

    internal AcquisitionFlags Flags { get; init; }
    internal int Samples { get; init; }
    internal int Channels { get; init; }
    internal int DiscardPre { get; init; }
    internal int DiscardPost { get; init; }
    internal int CentreSample { get; init; }
    internal int Encoding { get; init; }
    internal int TrajectoryDimensions { get; init; }
    internal float SampleTime { get; init; }
    internal PatientVector Position { get; init; }
    internal PatientVector ReadDirection { get; init; }
    internal PatientVector PhaseDirection { get; init; }
    internal PatientVector SliceDirection { get; init; }
    internal int Step1 { get; init; }
    internal int Step2 { get; init; }
    internal int Slice { get; init; }
    internal int Contrast { get; init; }
    internal int Phase { get; init; }
    internal int Repetition { get; init; }
    internal int Set { get; init; }

    /// <summary>The offset of the samples (channels, samples), in complex numbers.</summary>
    internal int DataOffset { get; init; }

    /// <summary>The offset of the trajectory (samples, dimensions), in numbers.</summary>
    internal int TrajectoryOffset { get; init; }

    internal bool Has(AcquisitionFlags flags) => (Flags & flags) != 0;

    /// <summary>All acquisitions, in the file's order.</summary>
    internal static List<Acquisition> ReadAll(ReadOnlySpan<byte> headers)
    {
        var all = new List<Acquisition>(headers.Length / HeaderBytes);
        int data = 0, trajectory = 0;
        for (; headers.Length > 0; headers = headers[HeaderBytes..])
        {
            Acquisition one = Read(headers[..HeaderBytes], data, trajectory);
            all.Add(one);
            data = checked(data + (one.Samples * one.Channels));
            trajectory = checked(trajectory + (one.Samples * one.TrajectoryDimensions));
        }
        return all;
    }

    private static Acquisition Read(ReadOnlySpan<byte> header, int data, int trajectory) => new()
    {
        Flags = (AcquisitionFlags)BinaryPrimitives.ReadUInt64LittleEndian(header[2..]),
        Samples = Word(header, 34),
        Channels = Word(header, 38),
        DiscardPre = Word(header, 168),
        DiscardPost = Word(header, 170),
        CentreSample = Word(header, 172),
        Encoding = Word(header, 174),
        TrajectoryDimensions = Word(header, 176),
        SampleTime = BinaryPrimitives.ReadSingleLittleEndian(header[178..]),
        Position = Vector(header, 182),
        ReadDirection = Vector(header, 194),
        PhaseDirection = Vector(header, 206),
        SliceDirection = Vector(header, 218),
        Step1 = Word(header, 242),
        Step2 = Word(header, 244),
        Slice = Word(header, 248),
        Contrast = Word(header, 250),
        Phase = Word(header, 252),
        Repetition = Word(header, 254),
        Set = Word(header, 256),
        DataOffset = data,
        TrajectoryOffset = trajectory,
    };

    private static int Word(ReadOnlySpan<byte> header, int at) => BinaryPrimitives.ReadUInt16LittleEndian(header[at..]);

    private static PatientVector Vector(ReadOnlySpan<byte> header, int at) => new(
        BinaryPrimitives.ReadSingleLittleEndian(header[at..]),
        BinaryPrimitives.ReadSingleLittleEndian(header[(at + 4)..]),
        BinaryPrimitives.ReadSingleLittleEndian(header[(at + 8)..]));
}

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
