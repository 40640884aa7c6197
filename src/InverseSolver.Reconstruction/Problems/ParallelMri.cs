using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using InverseSolver.Imaging;
using InverseSolver.Reconstruction.Estimates;
using InverseSolver.Reconstruction.Mri;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Reconstruction.Problems;

/// <summary>
/// Multi-coil MRI (SENSE): y_c = mask * F(S_c x), F the centred orthonormal 2-D Fourier transform, S_c the coils' sensitivities and x a complex image. The
/// measurement is complex (coils, rows, columns), rows along the readout, with zeros where nothing was measured, for a volume (slices, coils, rows,
/// columns), in any unit; or a raw-data file (ISMRMRD, fastMRI, BART). With the file <c>trajectory</c> it is (coils, samples). Noise is made white, coils
/// are compressed, sensitivities and phase are estimated from it; what was done stands in the report.
/// </summary>
/// <param name="Mask">The positions that are used; absent: the file <c>mask</c>, or where none was sent what is not zero.</param>
/// <param name="Maps">The source of the sensitivities; the file <c>maps</c>, where it was sent, comes before all.</param>
/// <param name="MapSets">Sets of sensitivities; 2 where the object is larger than the field of view.</param>
/// <param name="VirtualCoils">Coils at most that the measurement is compressed to; absent: as few as keep 99.8 % of the energy.</param>
/// <param name="CalibrationLines">Lines of k-space's centre at most that sensitivities are estimated from.</param>
/// <param name="Rows">Rows of the image, with a trajectory: of (coils, samples) they cannot be told.</param>
/// <param name="Columns">Columns of the image, with a trajectory.</param>
/// <param name="TrajectoryUnit">
/// The unit of the trajectory; absent: of the file <c>trajectory</c> cycles per field of view, of an ISMRMRD file what makes it end at the edge of k-space,
/// or a refusal where that is not one unit only.
/// </param>
public sealed record ParallelMri(
    KSpaceMask? Mask = null,
    MapSource Maps = MapSource.Automatic,
    [property: Range(1, 2)] int MapSets = 1,
    [property: Range(1, 128)] int? VirtualCoils = null,
    [property: Range(8, 128)] int CalibrationLines = 24,
    [property: Range(8, 4096)] int? Rows = null,
    [property: Range(8, 4096)] int? Columns = null,
    TrajectoryUnit? TrajectoryUnit = null) : Problem
{
    internal static ProblemDescription Description { get; } = new(
        "parallelMri",
        new("diffPir", "diffPir", "'mriPurify' with the preset 'fast' comes within half a decibel for a tenth of the time."))
    {
        Standard = new Dictionary<string, Func<long, Problem>> { ["parallelMri4"] = seed => new ParallelMri(new RandomKSpaceMask(4, null, seed, 12)) },
    };

    internal override bool IsComplex => true;

    internal override int Rank => Rows is null && Columns is null ? 3 : 2;

    internal override MeasurementKind FileKind => MeasurementKind.MultiCoil;

    internal override RawTrajectoryUnit? RawTrajectoryUnit => (RawTrajectoryUnit?)TrajectoryUnit;

    internal override bool FindsNoise => true;

    internal override bool HasAnyUnit => true;

    internal override IReadOnlyList<string> Files => Mask is UploadedKSpaceMask ? ["mask"] : [];

    internal override string ShapeText =>
        Rank == 3 ? "(coils, rows, columns), for a volume (slices, coils, rows, columns)" : "(coils, samples), for a volume (slices, coils, samples)";

    internal override long[] ImageShape(long[] measurement) =>
        Rows is { } rows && Columns is { } columns ? [1, rows, columns] : [1, measurement[^2], measurement[^1]];

    internal override void CheckPart(string field, bool isLast)
    {
        base.CheckPart(field, isLast);
        throw new InvalidInputException(field, "Multi-coil MRI is prepared from its measurement and stands alone.");
    }

    internal override void CheckImage(long[] image, string field, string problemField)
    {
        if (image[0] != 1) throw new InvalidInputException(field, "An MR image has 1 channel.");
    }

    // A simulation has other files, and checks them itself.
    internal override OperatorArrays Check(ProblemInputs inputs) =>
        inputs.Measurement is { } y ? new(Mask: ParallelMriChecks.Check(this, inputs.Image, inputs.Files, y)) : new();

    internal override bool CanPrepareTogether(IReadOnlyList<CheckedFrame> frames)
    {
        bool[]? first = frames[0].Arrays.Mask;
        return frames.Skip(1).All(frame => first is null || first.AsSpan().SequenceEqual(frame.Arrays.Mask));
    }

    internal override void CheckPreparation(IReadOnlyList<CheckedFrame> frames)
    {
        IEnumerable<IReadOnlyList<CheckedFrame>> groups = CanPrepareTogether(frames) ? [frames] : frames.Select(frame => new[] { frame });
        foreach (IReadOnlyList<CheckedFrame> group in groups)
        {
            ParallelMriChecks.CheckPreparation(this, [.. group.Select(frame => frame.Request)], group[0].Arrays.Mask);
        }
    }

    // Solvers with a network see a real image with a phase, those without a complex one.
    internal override Acquisition Prepare(
        CheckedReconstruction reconstruction, IReadOnlyList<CheckedFrame> frames, Device device, CancellationToken cancellation) =>
        ScanPreparation.Prepare(
            this, [.. frames.Select(frame => frame.Request)], frames[0].Arrays.Mask, complexImage: reconstruction.Request.Solver is not DiffusionParameters,
            device, cancellation.ThrowIfCancellationRequested);

    internal override SolvedFrames Combine(IReadOnlyList<FrameResult> frames, bool isStack) => ParallelReconstruction.Combine(frames, isStack);

    internal override SimulatedMeasurement Simulate(Simulation simulation, OperatorArrays arrays) => ParallelSimulation.Run(this, simulation);

    // Coil images and maps of all frames while they are prepared, at worst of as many coils as there are; of a trajectory the sparse matrix and its lists of
    // entries, and coil images of twice the image's sides.
    internal override OperatorBytes Bytes(long[] image, ArrayData y, int frames)
    {
        double measured = sizeof(float) * (double)y.Values.LongLength * frames, pixels = (double)image[1] * image[2];
        int coils = y.Shape[0], most = Math.Min(coils, VirtualCoils ?? coils);
        double coilImage = 2 * sizeof(float) * pixels, coilImages = coilImage * most;
        bool trajectory = Rows is not null;
        double prepared = (7 * measured) + (7 * coilImages * MapSets * frames) + (24 * coilImage * frames)
            + (10 * 2 * sizeof(float) * Math.Min(1 << 23, pixels * most * most));
        double path = trajectory ? (4000.0 * y.Shape[^1]) + (12 * coilImages * frames) : 0;
        return new OperatorBytes(prepared + path, coilImages * MapSets * (trajectory ? 24 : 10));
    }

    internal override ForwardOperator Operator(long[] image, OperatorArrays arrays, Device device) =>
        throw new InvalidInputException("problem.type", "The operator of multi-coil MRI comes from its measurement: it is there only while a solver runs.");

    /// <inheritdoc/>
    internal override Problem OfScan(int rows, int columns, bool ownTrajectory) => this with
    {
        Rows = Rows ?? (rows > 0 ? rows : null),
        Columns = Columns ?? (columns > 0 ? columns : null),
        TrajectoryUnit = ownTrajectory ? Problems.TrajectoryUnit.CyclesPerFieldOfView : TrajectoryUnit,
    };

    // What is not zero was measured, and the coils are known from it.
    internal override bool DependsOnMeasurement => true;

    internal override string? PhotonRefusal => "k-space is no count of photons: its noise is Gaussian, and sigma alone says what it is.";
}

/// <summary>The unit of a trajectory.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<TrajectoryUnit>))]
public enum TrajectoryUnit
{
    /// <summary>Cycles per pixel: up to 0.5.</summary>
    [JsonStringEnumMemberName("cyclesPerPixel")] CyclesPerPixel,

    /// <summary>Cycles per field of view of the image: up to half of its rows and columns.</summary>
    [JsonStringEnumMemberName("cyclesPerFieldOfView")] CyclesPerFieldOfView,

    /// <summary>Cycles per encoded field of view, which an oversampled ISMRMRD scan has larger.</summary>
    [JsonStringEnumMemberName("cyclesPerEncodedFieldOfView")] CyclesPerEncodedFieldOfView,
}

/// <summary>The source of coil sensitivities.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<MapSource>))]
public enum MapSource
{
    /// <summary>ESPIRiT where the centre of k-space has enough lines, else the low-resolution images.</summary>
    [JsonStringEnumMemberName("automatic")] Automatic,

    /// <summary>ESPIRiT (Uecker et al. 2014), or a refusal.</summary>
    [JsonStringEnumMemberName("espirit")] Espirit,

    /// <summary>The coils' low-resolution images over their root sum of squares.</summary>
    [JsonStringEnumMemberName("lowResolution")] LowResolution,
}
