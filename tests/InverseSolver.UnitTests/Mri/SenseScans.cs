using InverseSolver.Reconstruction.Mri;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.UnitTests.Operators;

namespace InverseSolver.UnitTests.Mri;

/// <summary>Small multi-coil operators.</summary>
internal static class SenseScans
{
    /// <summary>An operator on positions of the grid, chosen by a mask of lines or of single positions.</summary>
    public static SenseOperator Cartesian(long rows, long columns, bool[] mask, int coils = 3, long sets = 1, bool phase = false, long frames = 1) =>
        Create(new CartesianSampling(rows, columns, mask, torch.CPU), rows, columns, coils, sets, phase, frames);

    /// <summary>An operator on spokes.</summary>
    public static SenseOperator Radial(long rows, long columns, int coils = 3, long sets = 1, bool phase = false, long frames = 1) =>
        Create(new TrajectorySampling(rows, columns, Trajectories.GoldenRadial(rows, columns, 11, 16), torch.CPU), rows, columns, coils, sets, phase, frames);

    /// <summary>Every third line and some in the centre.</summary>
    public static bool[] Lines(int rows, int columns) => OperatorList.Lines(rows, Masks.EquispacedLines(columns, 2, 0.2)!);

    /// <summary>Single positions, three in five.</summary>
    public static bool[] Positions(int rows, int columns) => Masks.Random(rows, columns, 0.4, 3);

    /// <summary>Every position.</summary>
    public static bool[] Full(int rows, int columns) => [.. Enumerable.Repeat(true, rows * columns)];

    /// <summary>Maps (frames, sets, coils, rows, columns), each frame and set with coils of its own.</summary>
    public static Tensor Maps(long frames, long sets, int coils, long rows, long columns)
    {
        using var scope = torch.NewDisposeScope();
        Tensor[] all =
        [
            .. from frame in Range(frames) from set in Range(sets)
                select CoilSimulation.Coils(coils, rows, columns, 10 * frame + set, normalised: false) / (1 + set),
        ];
        return torch.stack(all).reshape(frames, sets, coils, rows, columns).MoveToOuterDisposeScope();
    }

    /// <summary>Standard complex normal values, both components of variance 1.</summary>
    public static Tensor Complex(long seed, params long[] shape)
    {
        using var scope = torch.NewDisposeScope();
        using var generator = new Generator((ulong)seed);
        return torch.view_as_complex(torch.randn([.. shape, 2], generator)).clone().MoveToOuterDisposeScope();
    }

    /// <summary>‖a − b‖ / ‖b‖.</summary>
    public static double Error(Tensor a, Tensor b)
    {
        using var scope = torch.NewDisposeScope();
        return OperatorList.Norm(Pairs(a - b)) / OperatorList.Norm(Pairs(b));
    }

    private static Tensor Pairs(Tensor t) => t.is_complex() ? torch.view_as_real(t.resolve_conj()) : t;

    private static SenseOperator Create(KSpaceSampling sampling, long rows, long columns, int coils, long sets, bool phase, long frames)
    {
        using var scope = torch.NewDisposeScope();
        Tensor? turn = phase ? torch.stack([.. Range(frames).Select(frame => Turn(rows, columns, frame))]) : null;
        return new SenseOperator(sampling, Maps(frames, sets, coils, rows, columns), turn, owns: true);
    }

    private static Tensor Turn(long rows, long columns, long seed)
    {
        Tensor angle = CoilSimulation.ObjectPhase(rows, columns, 5 + seed, 2);
        return torch.polar(torch.ones_like(angle), angle);
    }

    private static IEnumerable<long> Range(long count) => Enumerable.Range(0, (int)count).Select(i => (long)i);
}
