using System.Reflection;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using InverseSolver.Imaging;
using InverseSolver.Reconstruction.Estimates;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Reconstruction.Problems;

/// <summary>An inverse problem y = A(x) + n, as a caller writes it: the parameters of the forward model A.</summary>
/// <remarks>
/// A problem is one file of this folder: the record with its ranges, the shapes of x and y, the checks, the operator, and a static property <c>Description</c>,
/// by which the problem is found. Members that are virtual here have the values of a linear problem whose measurement is an image of the same size; most
/// problems override <see cref="IsImage"/>, the two shapes, <see cref="CheckImage"/> and <see cref="Operator"/> (see <see cref="Demosaicking"/>).
/// </remarks>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type")]
public abstract record Problem
{
    /// <summary>All kinds of problems, by name.</summary>
    public static IReadOnlyList<ProblemDescription> Kinds { get; } =
    [
        .. typeof(Problem).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(Problem)) && !type.IsAbstract)
            .Select(DescriptionOf).OrderBy(kind => kind.Name, StringComparer.Ordinal),
    ];

    /// <summary>Makes JSON know the kinds of problems: a modifier of <see cref="DefaultJsonTypeInfoResolver"/>.</summary>
    /// <param name="type">The type to be read or written.</param>
    public static void AddKinds(JsonTypeInfo type)
    {
        if (type.Type == typeof(Problem))
        {
            foreach (ProblemDescription kind in Kinds)
            {
                type.PolymorphismOptions!.DerivedTypes.Add(new JsonDerivedType(kind.Type, kind.Name));
            }
        }
    }

    private static ProblemDescription DescriptionOf(Type type) =>
        type.GetProperty("Description", BindingFlags.Static | BindingFlags.NonPublic)?.GetValue(null) is ProblemDescription description
            ? description with { Type = type }
            : throw new InvalidOperationException($"{type.Name} has no static property 'internal static ProblemDescription Description'.");

    /// <summary>True where A is linear.</summary>
    internal virtual bool IsLinear => true;

    /// <summary>True where y is complex k-space.</summary>
    internal virtual bool IsComplex => false;

    /// <summary>True where y is an image on [0,1] whenever x is one.</summary>
    internal virtual bool IsImage => false;

    /// <summary>The reason for which a measurement has one channel though its image has three, as the end of a sentence; null where it has as many.</summary>
    internal virtual string? GreyMeasurement => null;

    /// <summary>Dimensions of one frame's measurement.</summary>
    internal virtual int Rank => IsComplex ? 2 : 3;

    /// <summary>The form in which the measurement's file is read.</summary>
    internal virtual MeasurementKind FileKind => IsComplex ? MeasurementKind.SingleCoil : MeasurementKind.Image;

    /// <summary>The shape of one frame's measurement, as an error says it.</summary>
    internal virtual string ShapeText => IsComplex
        ? "(height, width), for a stack of frames (frames, height, width)"
        : "(height, width) or (channels, height, width), for a stack of frames (frames, channels, height, width)";

    /// <summary>True where an image turned by 180 degrees gives the same measurement, so that samples must not be averaged.</summary>
    internal virtual bool HasTwin => false;

    /// <summary>
    /// True where A itself depends on y (clipped pixels, a phase estimated from k-space), so that the frames of a sequence do not share it.
    /// </summary>
    internal virtual bool DependsOnMeasurement => false;

    /// <summary>True where sigma is found by <see cref="Prepare"/>, together with A.</summary>
    internal virtual bool FindsNoise => false;

    /// <summary>True where measurement and truth may be in any unit.</summary>
    internal virtual bool HasAnyUnit => false;

    /// <summary>The reason for which y cannot be counted photons; null where it can.</summary>
    internal virtual string? PhotonRefusal => null;

    /// <summary>Names of the files that the problem cannot do without.</summary>
    internal virtual IReadOnlyList<string> Files => [];

    /// <summary>False where the shape of y is known only once the operator is there.</summary>
    internal virtual bool KnowsShape => true;

    /// <summary>Shape of y for an image; a TorchScript module, whose shape is not known, is taken to keep it.</summary>
    /// <param name="image">(channels, height, width).</param>
    internal virtual long[] MeasurementShape(long[] image) => image;

    /// <summary>(channels, height, width) of the image behind a measurement of <see cref="Rank"/> dimensions.</summary>
    internal virtual long[] ImageShape(long[] measurement) => measurement;

    /// <summary>Checks the parameters beyond their own ranges.</summary>
    /// <param name="field">What errors call the problem.</param>
    internal virtual void CheckParameters(string field)
    {
    }

    /// <summary>Checks that the problem can be a part of a composition.</summary>
    /// <param name="field">What errors call the part.</param>
    /// <param name="isLast">True where no part follows.</param>
    internal virtual void CheckPart(string field, bool isLast)
    {
        if (!IsLinear) throw new InvalidInputException(field, "Only linear problems can be composed.");
        if (IsComplex && !isLast) throw new InvalidInputException(field, "Only the last part may give complex values.");
    }

    /// <summary>Checks the number of planes of a measurement of <see cref="Rank"/> dimensions.</summary>
    internal virtual void CheckPlanes(int[] measurement)
    {
    }

    /// <summary>Checks an image's size against the parameters.</summary>
    /// <param name="image">(channels, height, width).</param>
    /// <param name="field">What errors call the image.</param>
    /// <param name="problemField">What they call the problem.</param>
    internal virtual void CheckImage(long[] image, string field, string problemField)
    {
    }

    /// <summary>Checks everything that belongs to the problem, and gives the arrays that its operator is made of.</summary>
    internal virtual OperatorArrays Check(ProblemInputs inputs)
    {
        ProblemChecks.CheckFiles(this, inputs.Files);
        OperatorArrays arrays = Arrays(inputs);
        ProblemChecks.CheckOtherFiles(this, inputs, arrays);
        if (inputs.Measurement is not { } y) return arrays;
        ProblemChecks.CheckMeasurement(this, inputs.Image, y, UsedMask(inputs.Image, arrays)?.OfEntries);
        return WithMeasurement(arrays, y);
    }

    /// <summary>Checks what <see cref="Prepare"/> would refuse, as far as it is known from the request and its files without much computing.</summary>
    /// <param name="frames">The frames, each checked alone.</param>
    internal virtual void CheckPreparation(IReadOnlyList<CheckedFrame> frames)
    {
    }

    /// <summary>The arrays of the operator that come from files and generators, checked.</summary>
    internal virtual OperatorArrays Arrays(ProblemInputs inputs) => new();

    /// <summary>The arrays of the operator, with those that come from the checked measurement.</summary>
    internal virtual OperatorArrays WithMeasurement(OperatorArrays arrays, ArrayData y) => arrays;

    /// <summary>The mask to be shown, of a composition the last one; null where there is none.</summary>
    internal virtual UsedMask? UsedMask(long[] image, OperatorArrays arrays) =>
        arrays.Mask is { } mask ? new((int)image[1], (int)image[2], mask, OfMeasurement: true) : null;

    /// <summary>The arrays that a generator drew, by the names of the files that would hold them.</summary>
    internal virtual IEnumerable<(string Name, ArrayData Array)> Drawn(long[] image, OperatorArrays arrays) => [];

    /// <summary>A of a checked problem.</summary>
    internal abstract ForwardOperator Operator(long[] image, OperatorArrays arrays, Device device);

    /// <summary>The memory of the operator, of its preparation, and of its intermediate images, at most.</summary>
    /// <param name="image">(channels, height, width).</param>
    /// <param name="y">One frame's measurement.</param>
    /// <param name="frames">Frames that are prepared together.</param>
    internal virtual OperatorBytes Bytes(long[] image, ArrayData y, int frames) => new(
        8.0 * sizeof(float) * y.Values.LongLength, 12.0 * sizeof(float) * y.Values.LongLength);

    /// <summary>The noise level of a measurement, estimated from the measurement itself.</summary>
    /// <exception cref="InvalidInputException">It cannot be estimated; names <c>sigma</c>.</exception>
    internal virtual NoiseLevel EstimateNoise(OperatorArrays arrays, ArrayData y) => NoiseEstimate.OfImage(y, arrays);

    /// <summary>The reason for which the noise level cannot be estimated, in a sentence; null where it can.</summary>
    internal virtual string? NoiseRefusal => null;

    /// <summary>The same problem, completed by what a raw-data file says of the scan.</summary>
    /// <param name="rows">Rows of the image; 0: not said.</param>
    /// <param name="columns">Columns of the image; 0: not said.</param>
    /// <param name="ownTrajectory">True where the trajectory is the file's, which is in cycles per field of view once it is read.</param>
    internal virtual Problem OfScan(int rows, int columns, bool ownTrajectory) => this;

    /// <summary>The unit of an uploaded trajectory; null where none was named.</summary>
    internal virtual RawTrajectoryUnit? RawTrajectoryUnit => null;

    /// <summary>True where frames whose operators depend on their measurements can be prepared together nevertheless.</summary>
    internal virtual bool CanPrepareTogether(IReadOnlyList<CheckedFrame> frames) => false;

    /// <summary>Makes y, A and sigma as solvers take them.</summary>
    internal virtual Acquisition Prepare(
        CheckedReconstruction reconstruction, IReadOnlyList<CheckedFrame> frames, Device device, CancellationToken cancellation)
    {
        ForwardOperator unweighted = ProblemOperators.Create(this, [.. reconstruction.ImageShape], frames[0].Arrays, frames[0].Request.Measurement, device);
        Tensor y = torch.cat([.. frames.Select(frame => frame.Request.Measurement.ToTensor(device))]);
        return new Acquisition(PhotonNoise.Whiten(unweighted, y, reconstruction.Noise!.Sigma, reconstruction.Request.Photons), reconstruction.Noise);
    }

    /// <summary>Combines the results of all frames: one scale, and remarks on them.</summary>
    internal virtual SolvedFrames Combine(IReadOnlyList<FrameResult> frames, bool isStack) => new(frames);

    /// <summary>Measures one clean image: y = A(x) + n, with noise on the measured entries only.</summary>
    internal virtual SimulatedMeasurement Simulate(Simulation simulation, OperatorArrays arrays) =>
        simulation.Measure(this, arrays);

    /// <summary>The recommended solver.</summary>
    internal virtual Recommendation Recommendation => Kinds.First(kind => kind.Type == GetType()).Recommendation;
}

/// <summary>A kind of problem.</summary>
/// <param name="Name">Its name in requests, the member <c>type</c>.</param>
/// <param name="Recommendation">The solvers that measured best, docs/results.md.</param>
/// <param name="Example">Members of an example in JSON; those left out have their defaults.</param>
public sealed record ProblemDescription(string Name, Recommendation Recommendation, string Example = "{}")
{
    /// <summary>The record.</summary>
    public Type Type { get; internal init; } = typeof(Problem);

    /// <summary>Problems of this kind that evaluations use, by name; random masks and kernels are drawn from the seed.</summary>
    public IReadOnlyDictionary<string, Func<long, Problem>> Standard { get; init; } = new Dictionary<string, Func<long, Problem>>();
}

/// <summary>Everything that belongs to one frame of a problem.</summary>
/// <param name="Image">(channels, height, width) of the unknown image.</param>
/// <param name="Files">The problem's files by name.</param>
/// <param name="Measurement">y; null where it is to be simulated.</param>
/// <param name="OperatorFolder">Folder of the modules of <see cref="TorchScript"/>.</param>
/// <param name="Field">What errors call the problem.</param>
internal sealed record ProblemInputs(
    long[] Image, IReadOnlyDictionary<string, ArrayData> Files, ArrayData? Measurement = null, string? OperatorFolder = null, string Field = "problem");

/// <summary>The arrays of a checked problem, from its files or drawn by its generators.</summary>
/// <param name="Mask">Row-major over pixels or k-space, true where measured.</param>
/// <param name="Kernel">A blur kernel, sum 1.</param>
/// <param name="Phase">φ in radians, row-major.</param>
/// <param name="Parts">The arrays of a composition's parts.</param>
/// <param name="Censored">−1 or 1 for the pixels of a clipped measurement that are at a limit, else 0.</param>
/// <param name="ModuleFile">The file of a TorchScript module.</param>
internal sealed record OperatorArrays(
    bool[]? Mask = null, double[,]? Kernel = null, float[]? Phase = null, IReadOnlyList<OperatorArrays>? Parts = null, sbyte[]? Censored = null,
    string? ModuleFile = null);
