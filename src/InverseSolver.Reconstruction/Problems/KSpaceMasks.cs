using InverseSolver.Reconstruction.Operators;

namespace InverseSolver.Reconstruction.Problems;

/// <summary>Masks of k-space.</summary>
internal static class KSpaceMasks
{
    private const double DefaultAcceleration = 4, DefaultCentre = 0.08;

    /// <summary>A mask, drawn or from the file <c>mask</c>, row-major over k-space.</summary>
    /// <param name="mask">The mask as it was asked for.</param>
    /// <param name="height">Height of k-space.</param>
    /// <param name="width">Width of k-space.</param>
    /// <param name="files">The problem's files by name.</param>
    /// <param name="field">What errors call the mask, for example <c>problem.mask</c>.</param>
    public static bool[] Of(KSpaceMask mask, long height, long width, IReadOnlyDictionary<string, ArrayData> files, string field)
    {
        bool[]? lines = mask switch
        {
            not UploadedKSpaceMask => Draw(mask, height, width, field),
            // (width), with any dimensions of size 1: fastMRI writes (1, 1, width, 1).
            _ when files["mask"].Count == width && files["mask"].Shape.Count(size => size != 1) <= 1 =>
                Array.ConvertAll(files["mask"].Values, value => value > 0.5f),
            _ => null,
        };
        if (lines is null && files["mask"].Shape is [var length])
        {
            throw new InvalidInputException("files.mask", $"It has {length} lines; k-space has {width} columns.");
        }

        if (lines is null) return Array.ConvertAll(ProblemChecks.Plane(files["mask"], "files.mask", height, width), value => value > 0.5f);
        if (mask is PoissonDiscKSpaceMask { Lines: false }) return lines;
        var plane = new bool[height * width];
        for (long row = 0; row < height; row++) lines.CopyTo(plane, row * width);
        return plane;
    }

    // (width) for lines or (height · width).
    private static bool[] Draw(KSpaceMask mask, long height, long width, string field)
    {
        switch (mask)
        {
            case RandomKSpaceMask m:
                return LineMasks.Random(width, m.Acceleration, Lines(m.CentreFraction, m.CentreLines, width, field), m.Seed, m.PartialFourier)
                    ?? throw Refusal(m.Acceleration, m.CentreFraction, m.CentreLines, width, field);
            case EquispacedKSpaceMask { Spacing: { } spacing } m:
                if (m.Acceleration is not null) throw new InvalidInputException($"{field}.spacing", "Give acceleration or spacing, not both.");
                if (m.Offset >= spacing) throw new InvalidInputException($"{field}.offset", $"The first line lies below the spacing, {spacing}.");
                return LineMasks.Spaced(width, spacing, m.Offset ?? 0, Lines(m.CentreFraction, m.CentreLines, width, field), m.PartialFourier)
                    ?? throw Refusal(1, m.CentreFraction, m.CentreLines, width, field);
            case EquispacedKSpaceMask m:
                if (m.Offset is not null) throw new InvalidInputException($"{field}.offset", "An offset goes with a spacing.");
                return LineMasks.Equispaced(
                        width, m.Acceleration ?? DefaultAcceleration, Lines(m.CentreFraction, m.CentreLines, width, field), m.PartialFourier)
                    ?? throw Refusal(m.Acceleration ?? DefaultAcceleration, m.CentreFraction, m.CentreLines, width, field);
            case PoissonDiscKSpaceMask m:
                long columns = Lines(m.CentreFraction, m.CentreLines, width, field);
                long rows = m.Lines ? 1 : m.CentreLines ?? LineMasks.Centre(height, m.CentreFraction ?? DefaultCentre);
                return PoissonDisc.Mask(m.Lines ? 1 : height, width, m.Acceleration, rows, columns, m.Seed)
                    ?? throw new InvalidInputException(
                        Name(m.CentreLines, field), "The centre alone has more positions than the acceleration allows; lower one of the two.");
            default:
                throw new ArgumentException($"{mask.GetType().Name} is not drawn.");
        }
    }

    private static long Lines(double? fraction, int? lines, long width, string field) => fraction is null || lines is null
        ? lines ?? LineMasks.Centre(width, fraction ?? DefaultCentre)
        : throw new InvalidInputException($"{field}.centreLines", "Give centreFraction or centreLines, not both.");

    private static InvalidInputException Refusal(double acceleration, double? fraction, int? lines, long width, string field) =>
        Lines(fraction, lines, width, field) > (long)Math.Round(width / acceleration)
            ? new(Name(lines, field), $"The centre alone has more lines than the acceleration allows of {width}; lower one of the two.")
            : new($"{field}.partialFourier", $"It leaves fewer lines than the acceleration asks for of {width}; raise one of the two.");

    private static string Name(int? lines, string field) => $"{field}.{(lines is null ? "centreFraction" : "centreLines")}";
}
