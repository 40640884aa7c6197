using System.ComponentModel.DataAnnotations;
using InverseSolver.Diffusion;
using InverseSolver.Reconstruction.Mri;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Optimisation;
using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction.Solvers;

/// <summary>
/// Sparse wavelet coefficients: argmin ½ ‖A(x) − y‖² + w ‖W x‖₁ over the details of an orthogonal wavelet transform W, by FISTA (Beck, Teboulle: A fast
/// iterative shrinkage-thresholding algorithm for linear inverse problems. SIAM J. Imaging Sci. 2, 2009). Every step shifts the grid of the wavelets at
/// random (cycle spinning: Coifman, Donoho: Translation-invariant de-noising. 1995; in iterations Figueiredo, Nowak 2003), so that its blocks do not show.
/// </summary>
/// <remarks>
/// The weight falls from one that leaves nothing but the coarsest image to w over the first half of the steps (continuation: Hale, Yin, Zhang 2008). The step
/// is 1/L: for a linear A L is ‖A‖², else it is doubled for each item until the quadratic bound holds. Detectors that clip or round keep the problem convex:
/// their residual is the distance to a convex set. With σ = 0 and a linear A the image is projected on those that explain y.
/// </remarks>
public sealed class WaveletThresholding : Solver
{
    // Power iteration comes from below.
    private const double Margin = 1.05;
    private const int Doublings = 40;

    // Nearer to 1 the momentum would sum up the random shifts, and the rounding that depends on the size of a batch, over hundreds of steps.
    private const double MostMomentum = 0.9;

    private readonly WaveletParameters _p;
    private readonly double _norm2;
    private readonly double _weight;

    /// <summary>A run on <paramref name="input"/>.</summary>
    public WaveletThresholding(SolverInput input, WaveletParameters parameters)
        : base(input)
    {
        _p = parameters;
        _norm2 = A is LinearOperator linear ? OperatorNorm.Squared(linear, Y.device) * Margin : 1;
        _weight = parameters.Weight ?? OperatorNorm.PenaltyWeight(Sigma, _norm2) * ((A as LinearOperator)?.SparsityGain ?? 1);
    }

    /// <inheritdoc/>
    public override int Steps => _p.Steps;

    /// <inheritdoc/>
    public override SolverState Start(params long[] seeds)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable grad = torch.no_grad();
        using var wavelet = new OrthogonalWavelet(Height, Width, Y.device);
        SolverState state = SolverState.Start(seeds, Y.device);
        Tensor x = torch.zeros([seeds.Length, .. A.Domain], device: Y.device);
        state["top"] = (wavelet.Forward(A.Gradient(x, Y)) * wavelet.Details).abs().amax([1, 2, 3], true);
        state["lipschitz"] = torch.full([seeds.Length, 1, 1, 1], _norm2, device: Y.device);
        state["x"] = x;
        state["ahead"] = torch.zeros_like(x);
        return state;
    }

    private protected override IEnumerable<SolverStep> Algorithm(SolverState state)
    {
        using var wavelet = new OrthogonalWavelet(Height, Width, Y.device);
        for (int k = state.Step; k < Steps; k++)
        {
            Tensor next = ProximalGradientStep(state, wavelet, k);
            state["ahead"] = next + (next - state["x"]) * Momentum(k);
            state["x"] = next;
            if (k < Steps - 1)
            {
                yield return new SolverStep("iterations", next);
            }
        }

        state.Image = Sigma == 0 && A is LinearOperator linear ? linear.Prox(state["x"], Y, 0) : state["x"].clone();
        yield return new SolverStep("final", state.Image);
    }

    // From the extrapolated image; where A is not linear 1/L is found by doubling L.
    private Tensor ProximalGradientStep(SolverState state, OrthogonalWavelet wavelet, int k)
    {
        long[][] shifts = [.. state.Generators.Select(Shift)];
        Tensor weight = Weight(state["top"], k), ahead = state["ahead"], gradient = A.Gradient(ahead, Y), l = state["lipschitz"];
        Tensor next = Next();
        if (A is not LinearOperator)
        {
            Tensor value = A.Residual2(ahead, Y);
            for (int doubling = 0; doubling < Doublings; doubling++)
            {
                Model.ThrowIfCancelled();
                Tensor move = next - ahead;
                Tensor bound = value + ForwardOperator.SumPerItem(gradient * move) * 2 + ForwardOperator.SumPerItem(move.square() * l);
                Tensor above = A.Residual2(next, Y).gt(bound * (1 + 1e-5));
                if (above.any().ToInt64() == 0)
                {
                    break;
                }

                l = l * (1 + above.to(ScalarType.Float32).reshape(-1, 1, 1, 1));
                next = Next();
            }

            state["lipschitz"] = l;
        }

        return next;

        Tensor Next() => Shrink(wavelet, ahead - gradient / l, weight / l, shifts, A.HasComplexImages);
    }

    /// <summary>The proximal step of t ‖W x‖₁, W on the image shifted.</summary>
    /// <param name="wavelet">W.</param>
    /// <param name="x">(N, C, H, W).</param>
    /// <param name="threshold">t, (N, 1, 1, 1).</param>
    /// <param name="shifts">Rows and columns, of each item.</param>
    /// <param name="complex">Whether channels are real and imaginary parts in turn, whose sizes are shrunk.</param>
    internal static Tensor Shrink(OrthogonalWavelet wavelet, Tensor x, Tensor threshold, long[][] shifts, bool complex = false)
    {
        // One by one: products of matrices round differently with the size of a batch, which many steps with momentum would amplify.
        return torch.stack([.. shifts.Select((shift, i) =>
        {
            Tensor c = wavelet.Forward(x.select(0, i).roll(shift, (long[])[1, 2]));
            Tensor limit = threshold.select(0, i) * wavelet.Details;
            Tensor shrunk = complex ? ShrinkComplex(c, limit) : c.sign() * (c.abs() - limit).relu();
            return wavelet.Inverse(shrunk).roll([-shift[0], -shift[1]], [1, 2]);
        })]);
    }

    private static Tensor ShrinkComplex(Tensor c, Tensor limit)
    {
        Tensor pairs = c.reshape(-1, 2, c.size(1), c.size(2)), size = pairs.square().sum([1], keepdim: true).sqrt();
        return (pairs * ((size - limit).relu() / size.clamp(min: float.Epsilon))).reshape(c.shape);
    }

    private long[] Shift(Generator generator)
    {
        if (!_p.CycleSpinning)
        {
            return [0, 0];
        }

        using Tensor drawn = torch.rand([2], generator);
        float[] shares = drawn.ToFloats();
        return [(long)(shares[0] * Height), (long)(shares[1] * Width)];
    }

    // top^(1-s) w^s, s from 0 to 1 over the first half.
    private Tensor Weight(Tensor top, int step)
    {
        double share = Math.Min(1, 2.0 * step / Steps);
        Tensor from = torch.maximum(top, torch.full([1, 1, 1, 1], _weight, device: top.device));
        return (from.log() * (1 - share) + Math.Log(_weight) * share).exp();
    }

    // (t_k - 1) / t_{k+1}, t_{k+1} = (1 + √(1 + 4 t_k²)) / 2.
    private static double Momentum(int step)
    {
        double t = 1, next = NextT(1);
        for (int k = 0; k < step; k++)
        {
            (t, next) = (next, NextT(next));
        }

        return Math.Min(MostMomentum, (t - 1) / next);

        static double NextT(double t) => (1 + Math.Sqrt(1 + 4 * t * t)) / 2;
    }
}

/// <summary>Parameters of <see cref="WaveletThresholding"/>. The defaults are the preset <c>balanced</c>.</summary>
public sealed record WaveletParameters : SolverParameters
{
    /// <summary>w of ½ ‖A(x) − y‖² + w ‖W x‖₁, in units of y² over x; null: 5 σ².</summary>
    [Range(1e-12, 1e12)] public double? Weight { get; init; }

    /// <summary>Steps of FISTA.</summary>
    [Range(1, 10_000)] public int Steps { get; init; } = 200;

    /// <summary>True to shift the wavelets' grid at random in every step, from the item's seed.</summary>
    public bool CycleSpinning { get; init; } = true;

    /// <summary>FISTA for one fixed W, near convergence.</summary>
    internal static WaveletParameters Paper { get; } = new() { Steps = 1000, CycleSpinning = false };

    /// <summary>The defaults.</summary>
    internal static WaveletParameters Balanced { get; } = new();

    /// <summary>Half the steps.</summary>
    internal static WaveletParameters Fast { get; } = new() { Steps = 100 };

    internal static SolverDescription Description { get; } = new(
        "wavelet",
        "Wavelet thresholding",
        "Beck, Teboulle: A fast iterative shrinkage-thresholding algorithm for linear inverse problems. SIAM J. Imaging Sci. 2, 2009; cycle spinning: " +
        "Coifman, Donoho: Translation-invariant de-noising. Wavelets and Statistics, 1995.",
        Paper, Balanced, Fast);

    /// <inheritdoc/>
    internal override Solver Create(SolverInput input) => new WaveletThresholding(input, this);

    /// <inheritdoc/>
    internal override string? Refusal(Problem problem, ModelInfo model) => problem switch
    {
        PhaseRetrieval or CodedDiffraction => "Wavelet thresholding needs a convex problem: from magnitudes alone its steps end wherever they start.",
        TorchScript => "Wavelet thresholding needs a convex problem, and of a module it is not known whether it is one.",
        _ => null,
    };
}
