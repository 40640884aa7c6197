using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Schedules;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;
using InverseSolver.UnitTests.Operators;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>Small problems with known answers.</summary>
internal static class Toy
{
    /// <summary>Operators of a height and width, by name.</summary>
    public static readonly Dictionary<string, Func<int, LinearOperator>> Operators = new()
    {
        ["denoising"] = n => MaskOperator.Denoising(1, n, n, torch.CPU),
        ["inpainting"] = n => new MaskOperator(1, n, n, Masks.Random(n, n, 0.6, 1), torch.CPU),
        ["blur"] = n => SeparableOperator.GaussianBlur(1, n, n, 1, Boundary.Reflect, torch.CPU),
        ["downsampling"] = n => SeparableOperator.Downsampling(1, n, n, 2, DownsamplingKernel.Bicubic, torch.CPU),
        ["mri"] = n => new CartesianMriOperator(n, n, Masks.Random(n, n, 0.6, 3), OperatorList.Phase(n, n), torch.CPU),
    };

    /// <summary>Smooth Gaussian images around 0.5 with a pixel's standard deviation near 0.2.</summary>
    public static GaussianModel Gaussian() => new((fy, fx) => 0.25 / (1 + (40 * ((fy * fy) + (fx * fx)))));

    /// <summary>N images of the model and their noisy measurements.</summary>
    public static (Tensor Truth, Tensor Y) Measure(GaussianModel model, ForwardOperator op, double sigma, int items, long seed)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using var generator = new Generator((ulong)seed);
        Tensor x = model.Sample(items, (int)op.Domain[1], (int)op.Domain[2], generator);
        Tensor y = op.Measured(op.Apply(x) + OperatorList.Measurement(op, items, seed + 1) * sigma);
        return (x.MoveToOuterDisposeScope(), y.MoveToOuterDisposeScope());
    }

    /// <summary>A in float64, (m, d), real and imaginary parts in turn where y is complex.</summary>
    public static Tensor Dense(LinearOperator op)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        long d = op.Domain.Aggregate(1L, (a, b) => a * b);
        Tensor columns = op.Apply(torch.eye(d).reshape([d, .. op.Domain]));
        return Flat(op, columns).t().contiguous().MoveToOuterDisposeScope();
    }

    /// <summary>Measurements as rows of real numbers, float64.</summary>
    public static Tensor Flat(LinearOperator op, Tensor y)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        return (op.IsComplexRange ? torch.view_as_real(y) : y).reshape(y.size(0), -1).to(ScalarType.Float64).MoveToOuterDisposeScope();
    }

    /// <summary>‖a - b‖ / ‖b‖.</summary>
    public static double Error(Tensor a, Tensor b)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor there = b.to(ScalarType.Float64);
        return (a.to(ScalarType.Float64) - there).norm().ToDouble() / there.norm().ToDouble();
    }

    public static Tensor Normal(long[] shape, long seed)
    {
        using var generator = new Generator((ulong)seed);
        return torch.randn(shape, generator);
    }

    /// <summary>Advances a state by one step, as a run does that begins there.</summary>
    public static void Advance(this Solver solver, SolverState state) => _ = solver.Checkpoints(state).First();

    /// <summary>A state as it is saved.</summary>
    public static byte[] Saved(this SolverState state)
    {
        using var saved = new MemoryStream();
        state.Write(new BinaryWriter(saved));
        return saved.ToArray();
    }

    /// <summary>A saved state, to go on from.</summary>
    public static SolverState Restored(byte[] saved)
    {
        using var stream = new MemoryStream(saved);
        return SolverState.Read(new BinaryReader(stream), torch.CPU);
    }

    /// <summary>The timesteps of a schedule, rising.</summary>
    public static int[] Timesteps(this DdimSchedule schedule) => [.. schedule.From(0).Reverse().Select(step => step.Timestep)];

    /// <summary>A run from seeds to the image, in host memory.</summary>
    public static float[] Run(LatentModel model, ForwardOperator op, Tensor y, double sigma, SolverParameters parameters, params long[] seeds)
    {
        Solver solver = parameters.Create(new SolverInput(model, op, y, sigma));
        using SolverState state = solver.Start(seeds);
        return solver.Run(state).ToFloats();
    }

    /// <summary>A head of ellipses, (1, size, size) on [0,1].</summary>
    public static ArrayData Phantom(int size)
    {
        (double Value, double A, double B, double X, double Y, double Degrees)[] ellipses =
        [
            (0.9, 0.69, 0.92, 0, 0, 0), (-0.55, 0.66, 0.87, 0, -0.02, 0), (-0.2, 0.11, 0.31, 0.22, 0, -18), (-0.2, 0.16, 0.41, -0.22, 0, 18),
            (0.2, 0.21, 0.25, 0, 0.35, 0), (0.15, 0.05, 0.05, 0, 0.1, 0), (0.15, 0.05, 0.05, 0, -0.1, 0), (0.25, 0.06, 0.04, -0.1, -0.6, 0),
        ];
        var values = new float[size * size];
        for (int i = 0; i < values.Length; i++)
        {
            double y = 1 - (2.0 * (i / size) + 1) / size, x = (2.0 * (i % size) + 1) / size - 1, sum = 0;
            foreach ((double value, double a, double b, double x0, double y0, double degrees) in ellipses)
            {
                (double sin, double cos) = Math.SinCos(degrees * Math.PI / 180);
                double u = ((x - x0) * cos + (y - y0) * sin) / a, v = ((y - y0) * cos - (x - x0) * sin) / b;
                sum += u * u + v * v <= 1 ? value : 0;
            }

            values[i] = (float)Math.Clamp(sum, 0, 1);
        }

        return new ArrayData([1, size, size], values);
    }

    /// <summary>
    /// Root mean square distances to the known posterior's mean: of the mean of many samples (seeds 0, 1, ...), of the image nearest to grey that explains
    /// the measurement best, and of grey.
    /// </summary>
    public static (double Samples, double LeastSquares, double Grey) DistancesToPosterior(
        string type, string preset, string problem, int side, int samples, double sigma)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Gaussian();
        using LinearOperator op = Operators[problem](side);
        (_, Tensor y) = Measure(model, op, sigma, 1, 21);
        Tensor ys = torch.cat([.. Enumerable.Repeat(y, samples)]);
        SolverParameters parameters = (DiffusionParameters)SolverCatalog.Resolve(type, preset, null) with { PriorStandardDeviation = 0.05 };
        Tensor x = torch.copy_of(Run(model, op, ys, sigma, parameters, [.. Enumerable.Range(0, samples).Select(i => (long)i)]), samples, 1, side, side);
        (Tensor posterior, _) = model.Posterior(Dense(op), Flat(op, y), sigma, side, side);
        return (Rmse(x.mean([0], keepdim: true)), Rmse(op.Prox(torch.full([1, 1, side, side], 0.5), y, 0)), Rmse(torch.full([1], 0.5)));

        double Rmse(Tensor t) => Math.Sqrt((t.to(ScalarType.Float64) - posterior).square().mean().ToDouble());
    }
}
