using System.ComponentModel.DataAnnotations;
using InverseSolver.Reconstruction.Estimates;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Reconstruction.Problems;

/// <summary>Linear problems one after the other: y = A_k ... A_2 A_1 x + n, for example blur, then super-resolution, then inpainting.</summary>
/// <param name="Parts">
/// The parts in the order in which they act on the image; <c>mri</c> only as the last one. What the last part does not measure is not measured.
/// </param>
public sealed record Composition([property: Required, Length(1, 8)] IReadOnlyList<Problem> Parts) : Problem
{
    internal static ProblemDescription Description { get; } = new(
        "composition", new("redDiff", "dcdp"), """{"parts":[{"type":"gaussianBlur"},{"type":"superResolution","factor":2}]}""")
    {
        Standard = new Dictionary<string, Func<long, Problem>>
        {
            ["blurSuperResolutionInpainting"] = seed =>
                new Composition([new GaussianBlur(1), new SuperResolution(2), new Inpainting(new RandomMask(0.3, seed))]),
        },
    };

    internal override bool IsComplex => Parts[^1].IsComplex;

    internal override bool IsImage => Parts.All(part => part.IsImage);

    internal override string? PhotonRefusal => Parts[^1].PhotonRefusal;

    internal override string? NoiseRefusal => Parts[^1].NoiseRefusal;

    internal override OperatorBytes Bytes(long[] image, ArrayData y, int frames)
    {
        OperatorBytes sum = base.Bytes(image, y, frames);
        foreach (Problem part in Parts)
        {
            OperatorBytes of = part.Bytes(image, y, frames);
            sum = new OperatorBytes(sum.Fixed + of.Fixed, sum.PerItem + of.PerItem);
            image = part.MeasurementShape(image);
        }

        return sum;
    }

    internal override IReadOnlyList<string> Files => [.. Parts.SelectMany(part => part.Files)];

    internal override long[] MeasurementShape(long[] image) => Parts.Aggregate(image, (shape, part) => part.MeasurementShape(shape));

    internal override long[] ImageShape(long[] measurement) => Parts.Reverse().Aggregate(measurement, (shape, part) => part.ImageShape(shape));

    internal override void CheckParameters(string field)
    {
        var names = new HashSet<string>();
        for (int i = 0; i < Parts.Count; i++)
        {
            string at = $"{field}.parts[{i}]";
            ProblemChecks.CheckParameters(Parts[i], at);
            Parts[i].CheckPart(at, isLast: i == Parts.Count - 1);
            if (Parts[i].Files.FirstOrDefault(name => !names.Add(name)) is { } twice)
            {
                throw new InvalidInputException(at, $"Only one part can use the file '{twice}'.");
            }
        }
    }

    internal override void CheckPart(string field, bool isLast) =>
        throw new InvalidInputException(field, "A composition holds no other composition; write its parts one after the other.");

    internal override void CheckImage(long[] image, string field, string problemField)
    {
        for (int i = 0; i < Parts.Count; i++)
        {
            string at = $"{problemField}.parts[{i}]";
            ProblemChecks.CheckImageShape(Parts[i], image, i == 0 ? field : at, at);
            image = Parts[i].MeasurementShape(image);
        }
    }

    internal override OperatorArrays Arrays(ProblemInputs inputs)
    {
        long[] image = inputs.Image;
        var arrays = new List<OperatorArrays>();
        for (int i = 0; i < Parts.Count; i++)
        {
            arrays.Add(Parts[i].Arrays(inputs with { Image = image, Field = $"{inputs.Field}.parts[{i}]" }));
            image = Parts[i].MeasurementShape(image);
        }

        return new(Parts: arrays);
    }

    internal override UsedMask? UsedMask(long[] image, OperatorArrays arrays)
    {
        UsedMask? last = null;
        for (int i = 0; i < Parts.Count; i++)
        {
            if (Parts[i].UsedMask(image, arrays.Parts![i]) is { } used) last = used with { OfMeasurement = i == Parts.Count - 1 };
            image = Parts[i].MeasurementShape(image);
        }

        return last;
    }

    internal override NoiseLevel EstimateNoise(OperatorArrays arrays, ArrayData y) => Parts[^1].EstimateNoise(arrays.Parts![^1], y);

    internal override ForwardOperator Operator(long[] image, OperatorArrays arrays, Device device)
    {
        var operators = new LinearOperator[Parts.Count];
        for (int i = 0; i < operators.Length; i++)
        {
            operators[i] = (LinearOperator)Parts[i].Operator(image, arrays.Parts![i], device);
            image = Parts[i].MeasurementShape(image);
        }

        return new ComposedOperator(operators);
    }
}

/// <summary>A = A_k … A₂ A₁, each part's domain the range of the one before. Its proximal step is solved by conjugate gradients.</summary>
public sealed class ComposedOperator : LinearOperator
{
    private readonly LinearOperator[] _parts;

    /// <summary>Composes operators, and disposes them with itself.</summary>
    /// <param name="parts">At least one, in the order in which they act.</param>
    public ComposedOperator(params LinearOperator[] parts)
        : base("composition", [.. parts[0].Domain], [.. parts[^1].Range], parts[^1].MeasuredComponents, parts[^1].IsComplexRange)
    {
        _parts = parts;
        for (int i = 1; i < parts.Length; i++)
        {
            if (!parts[i].Domain.SequenceEqual(parts[i - 1].Range))
            {
                throw new ArgumentException($"composition: part {i} does not take what part {i - 1} gives.");
            }
        }
    }

    internal override double? Attenuation => _parts[^1].Attenuation;

    /// <inheritdoc/>
    protected override Tensor ApplyCore(Tensor x) => _parts.Aggregate(x, (image, part) => part.Apply(image));

    /// <inheritdoc/>
    protected override Tensor AdjointCore(Tensor y) => _parts.Reverse().Aggregate(y, (image, part) => part.Adjoint(image));

    /// <inheritdoc/>
    protected override Tensor ProxCore(Tensor x0, Tensor y, double rho) => ProxByConjugateGradients(x0, y, rho);

    /// <inheritdoc/>
    protected override Tensor MeasuredCore(Tensor y) => _parts[^1].Measured(y);

    private protected override Tensor IdealCore(Tensor x) => _parts[^1].Ideal(_parts[..^1].Aggregate(x, (image, part) => part.Apply(image)));

    private protected override Tensor DirectCore(Tensor y) => _parts.Reverse().Aggregate(y, (image, part) => part.Direct(image));

    /// <inheritdoc/>
    protected override void DisposeCore()
    {
        foreach (LinearOperator part in _parts) part.Dispose();
    }
}
