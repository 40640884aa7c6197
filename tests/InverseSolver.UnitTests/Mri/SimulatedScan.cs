using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Mri;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.UnitTests.Mri;

/// <summary>A simulated multi-coil scan of which everything is known. Coils have a root sum of squares of 1.</summary>
/// <param name="Image">Complex (rows, columns), its magnitude up to <see cref="Peak"/>.</param>
/// <param name="Coils">Complex (coils, rows, columns).</param>
/// <param name="Covariance">Ψ of the noise, complex (coils, coils).</param>
/// <param name="KSpace">Complex (coils, rows, columns), noise included, every position measured.</param>
internal sealed record SimulatedScan(Tensor Image, Tensor Coils, Tensor Covariance, Tensor KSpace)
{
    public const int Rows = 64, Columns = 48, CoilCount = 6;

    /// <summary>Units as of a scanner: far from [0,1].</summary>
    public const double Peak = 370;

    /// <summary>An ellipse with a smooth phase in noise that coils share, and that is three times as loud in one as in another.</summary>
    /// <param name="noise">Its standard deviation per real component over the peak, the root mean square of all coils.</param>
    /// <param name="seed">Seed of coils, phase and noise.</param>
    /// <param name="radians">The phase's largest departure from 0.</param>
    public static SimulatedScan Create(double noise = 0.01, long seed = 1, double radians = 1)
    {
        Tensor angle = CoilSimulation.ObjectPhase(Rows, Columns, seed, radians);
        Tensor image = EspiritTests.Ellipse(Rows, Columns, 0.8, 0.7).reshape(Rows, Columns) * torch.polar(torch.ones_like(angle), angle) * Peak;
        Tensor coils = CoilSimulation.Coils(CoilCount, Rows, Columns, seed);
        Tensor levels = torch.copy_of([.. Enumerable.Range(0, CoilCount).Select(i => (float)Math.Pow(3, i / (CoilCount - 1.0)))], CoilCount, 1);
        Tensor mixing = (SenseScans.Complex(seed + 1, CoilCount, CoilCount) * 0.4 + torch.eye(CoilCount)) * levels;
        Tensor psi = mixing.Matmul(mixing.conj().t()) * 2;
        double level = Math.Sqrt((psi.real * torch.eye(CoilCount)).sum().ToDouble() / CoilCount / 2), factor = noise * Peak / level;
        Tensor samples = (mixing * factor).Matmul(SenseScans.Complex(seed + 2, CoilCount, Rows * Columns)).reshape(CoilCount, Rows, Columns);
        return new SimulatedScan(image, coils, (psi * (factor * factor)).resolve_conj(), Fourier.Centred(coils * image) + samples);
    }

    /// <summary>A request of its k-space where a mask says so.</summary>
    public ReconstructionRequest Request(bool[]? mask = null, ParallelMri? problem = null, params (string Name, Tensor File)[] files) => new()
    {
        Problem = problem ?? new ParallelMri(),
        Measurement = Data(mask is null ? KSpace : KSpace * torch.copy_of(Array.ConvertAll(mask, m => m ? 1f : 0f), Rows, Columns)),
        Files = files.ToDictionary(file => file.Name, file => Data(file.File)),
        Sigma = null,
        Solver = SolverCatalog.Resolve("leastSquares", "balanced", null),
        Seed = 1,
    };

    /// <summary>What comes of it before a solver starts.</summary>
    public static PreparedScan Prepare(ReconstructionRequest request, bool complexImage = true) =>
        ScanPreparation.Prepare(
            (ParallelMri)request.Problem,
            [request],
            ParallelMriChecks.Check((ParallelMri)request.Problem, [1, Rows, Columns], request.Files, request.Measurement),
            complexImage, torch.CPU, static () => { });

    /// <summary>The matrix from the coils to the prepared ones, read off their samples.</summary>
    public static Tensor Mixing(PreparedScan scan, Tensor kSpace)
    {
        Tensor y = (scan.Y * scan.Scale).reshape(scan.Y.size(1), -1).to(ScalarType.ComplexFloat64),
            raw = kSpace.reshape(kSpace.size(0), -1).to(ScalarType.ComplexFloat64);
        Tensor back = raw.conj().t().resolve_conj();
        return y.Matmul(back).Matmul(torch.linalg.inv(raw.Matmul(back)));
    }

    /// <summary>Shape and values, complex or real.</summary>
    public static ArrayData Data(Tensor t) => new(
        [.. t.shape.Select(n => (int)n)],
        (t.is_complex() ? t.resolve_conj().to(ScalarType.ComplexFloat32) : t.to(ScalarType.Float32)).contiguous().ToFloats(),
        t.is_complex());

    /// <summary>Lines of each so many, and so many in the centre.</summary>
    public static bool[] Lines(int every, int centre) =>
        [.. Enumerable.Range(0, Rows * Columns)
            .Select(i => i % Columns % every == 0 || Math.Abs(i % Columns - Columns / 2 + 0.5) < centre / 2.0)];
}
