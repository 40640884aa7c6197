using System.ComponentModel.DataAnnotations;
using InverseSolver.Diffusion;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction.Solvers;

/// <summary>
/// TSPR, Tucker-structured phase retrieval (Kwon, Li, Sarwate: "Low-Rank Phase Retrieval with Structured Tensor Models", 2022): y_k = |S x_k| for the frames
/// x_k of a sequence X = G ×₁ D ×₂ E ×₃ F, that is x_k = D (Σ_c F_kc G_c) Eᵀ, of low ranks. A truncated spectral start for each frame, its HOSVD, then rounds
/// of: frame coefficients by reshaped Wirtinger flow on the reduced vectors, phases, and least squares by conjugate gradients for D, E and G. Needs no
/// network. The items of the batch are the frames and depend on each other.
/// </summary>
/// <remarks>
/// Masks of unit modulus have SᴴS = L, so ‖S x - C y‖² = L ‖x - Re Sᴴ(C y)/L‖² + const with the phases C: least squares need no transforms, and phases are
/// taken anew before each. All products are contractions; neither a Kronecker product nor a matrix of the image's size squared is formed. Images are real and
/// not negative, which leaves the sign of each frame open and sets it. S here is <see cref="CodedDiffractionOperator.Spectrum"/>.
/// </remarks>
public sealed class TuckerPhaseRetrieval : Solver
{
    private const int PowerIterations = 60;
    private const double Truncation = 9;
    private const int LeastSquaresIterations = 50;
    private const double LeastSquaresTolerance = 1e-6;

    private readonly TuckerPhaseRetrievalParameters _p;
    private readonly CodedDiffractionOperator _s;
    private readonly int _rows, _columns, _frames;

    /// <summary>A run on <paramref name="input"/>.</summary>
    public TuckerPhaseRetrieval(SolverInput input, TuckerPhaseRetrievalParameters parameters)
        : base(input)
    {
        _p = parameters;
        _s = input.A as CodedDiffractionOperator ?? throw new ArgumentException($"{input.A.Name} is no coded diffraction.", nameof(input));
        (_rows, _columns) = (Math.Min(parameters.RowRank, Height), Math.Min(parameters.ColumnRank, Width));
        _frames = (int)Math.Min(parameters.FrameRank, Y.size(0));
    }

    /// <summary>The rounds.</summary>
    public override int Steps => _p.Rounds;

    /// <summary>The spectral start and its HOSVD; it draws no random number.</summary>
    public override SolverState Start(params long[] seeds)
    {
        using IDisposable grad = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor x = SpectralStart().squeeze(1);
        SolverState state = SolverState.Start(seeds, Y.device);
        state["rows"] = Leading(x.permute(1, 0, 2), _rows);
        state["columns"] = Leading(x.permute(2, 0, 1), _columns);
        state["frames"] = Leading(x, _frames);
        state["core"] = torch.einsum("khw,ha,wb,kc->cab", x, state["rows"], state["columns"], state["frames"]).contiguous();
        return state;
    }

    private protected override IEnumerable<SolverStep> Algorithm(SolverState state)
    {
        for (int round = state.Step; round < Steps - 1; round++)
        {
            yield return new SolverStep("sampling", Round(state, round));
        }

        state.Image = Round(state, Steps - 1);
        yield return new SolverStep("final", state.Image);
    }

    private Tensor Round(SolverState state, int round)
    {
        Tensor basis = Orthonormal(torch.einsum("cab,ha,wb->chw", state["core"], state["rows"], state["columns"]), out Tensor mixing);
        Tensor coefficients = Flow(basis, round == 0 ? ReducedSpectralStart(basis) : state["frames"].Matmul(mixing));

        // x_k = Σ_c f_kc basis_c from now on; D and E are orthonormal here.
        state["frames"] = coefficients;
        state["core"] = torch.einsum("chw,ha,wb->cab", basis, state["rows"], state["columns"]).contiguous();
        Tensor z = Target(Frames(state));
        (Tensor d, Tensor e, Tensor f, Tensor g) = (state["rows"], state["columns"], state["frames"], state["core"]);
        Tensor right = torch.einsum("kc,cab,wb->kaw", f, g, e).contiguous();
        state["rows"] = d = LeastSquares(v => torch.einsum("ha,kaw->khw", v, right), r => torch.einsum("khw,kaw->ha", r, right), d, z);
        z = Target(Frames(state));
        Tensor left = torch.einsum("kc,cab,ha->khb", f, g, d).contiguous();
        state["columns"] = e = LeastSquares(v => torch.einsum("wb,khb->khw", v, left), r => torch.einsum("khw,khb->wb", r, left), e, z);
        z = Target(Frames(state));
        state["core"] = LeastSquares(
            v => torch.einsum("cab,ha,wb,kc->khw", v, d, e, f), r => torch.einsum("khw,ha,wb,kc->cab", r, d, e, f), g, z);
        Balance(state);
        return Frames(state).unsqueeze(1);
    }

    /// <summary>
    /// Each frame's leading eigenvector of Re Σ y² 1{y² ≤ 9 mean y²} a aᴴ by power iteration, with the energy of y, positive in the mean: (frames, 1, h, w).
    /// </summary>
    internal Tensor SpectralStart()
    {
        Tensor y2 = Y.square(), mean = y2.mean([1, 2, 3], true);
        Tensor weights = y2 * y2.le(mean * Truncation).to(ScalarType.Float32);
        Tensor x = torch.ones([Y.size(0), 1, Height, Width], device: Y.device);
        for (int i = 0; i < PowerIterations; i++)
        {
            Model.ThrowIfCancelled();
            x = _s.Back(_s.Spectrum(x) * weights);
            x = x / Norm(x);
        }

        return x * (y2.sum([1, 2, 3], true) / _s.Count).sqrt() * x.sum([1, 2, 3], true).sign();
    }

    // The same on the reduced vectors: a matrix of the frames' rank.
    private Tensor ReducedSpectralStart(Tensor basis)
    {
        Tensor y2 = Y.square(), weights = y2 * y2.le(y2.mean([1, 2, 3], true) * Truncation).to(ScalarType.Float32);
        Tensor reduced = torch.view_as_real(_s.Spectrum(basis.unsqueeze(1))).contiguous();
        Tensor matrices = torch.einsum("clhwr,klhw,dlhwr->kcd", reduced, weights, reduced);
        Tensor leading = torch.linalg.eigh(matrices).Item2.select(2, basis.size(0) - 1);
        Tensor sum = torch.einsum("kc,chw->k", leading, basis).reshape(-1, 1);
        return leading * (y2.sum([1, 2, 3]) / _s.Count).sqrt().reshape(-1, 1) * torch.where(sum.lt(0), -torch.ones_like(sum), torch.ones_like(sum));
    }

    // f ← f - μ ∇ ½‖|S x| - y‖²/L, x = Σ f_c basis_c; orthonormal images make the Hessian at most 1.
    private Tensor Flow(Tensor basis, Tensor coefficients)
    {
        Tensor f = coefficients.clone();
        for (int i = 0; i < _p.FlowSteps; i++)
        {
            using DisposeScope scope = torch.NewDisposeScope();
            Model.ThrowIfCancelled();
            Tensor x = torch.einsum("kc,chw->khw", f, basis);
            f.add_(torch.einsum("khw,chw->kc", Target(x) - x, basis), _p.FlowRate);
        }

        return f;
    }

    // Re Sᴴ(C y)/L with the phases C of S x.
    private Tensor Target(Tensor x)
    {
        Tensor spectrum = _s.Spectrum(x.unsqueeze(1));
        return (_s.Back(spectrum * (Y / spectrum.abs().clamp(min: 1e-12))) / _s.Count).squeeze(1);
    }

    private static Tensor Frames(SolverState state) =>
        torch.einsum("cab,ha,wb,kc->khw", state["core"], state["rows"], state["columns"], state["frames"]).contiguous();

    // min ‖A v - z‖² from v₀, by the normal equations.
    private Tensor LeastSquares(Func<Tensor, Tensor> apply, Func<Tensor, Tensor> adjoint, Tensor start, Tensor z)
    {
        Model.ThrowIfCancelled();
        Tensor gradient = adjoint(z - apply(start)).unsqueeze(0);
        Tensor Normal(Tensor v) => adjoint(apply(v.squeeze(0))).unsqueeze(0);
        return start + ConjugateGradients.Solve(Normal, gradient, LeastSquaresTolerance, LeastSquaresIterations).squeeze(0);
    }

    // D and E with orthonormal columns, which keeps the next least squares well conditioned; X stays.
    private static void Balance(SolverState state)
    {
        (Tensor U, Tensor S, Tensor Vh) rows = torch.linalg.svd(state["rows"], fullMatrices: false);
        (Tensor U, Tensor S, Tensor Vh) columns = torch.linalg.svd(state["columns"], fullMatrices: false);
        Tensor toRows = rows.S.reshape(-1, 1) * rows.Vh, toColumns = columns.S.reshape(-1, 1) * columns.Vh;
        state["core"] = torch.einsum("cab,pa,qb->cpq", state["core"], toRows, toColumns).contiguous();
        state["rows"] = rows.U.contiguous();
        state["columns"] = columns.U.contiguous();
    }

    // Orthonormal images with the same span, and T with images = T basis.
    private static Tensor Orthonormal(Tensor images, out Tensor mixing)
    {
        Tensor flat = images.reshape(images.size(0), -1);
        (Tensor u, Tensor s, Tensor vh) = torch.linalg.svd(flat, fullMatrices: false);
        mixing = u * s;
        return vh.reshape(images.shape);
    }

    // The leading left singular vectors of the unfolding along the first dimension, by the Gram matrix of that dimension's size.
    private static Tensor Leading(Tensor x, int rank)
    {
        Tensor flat = x.reshape(x.size(0), -1).to(ScalarType.Float64);
        Tensor vectors = torch.linalg.eigh(flat.Matmul(flat.t())).Item2;
        return vectors.narrow(1, vectors.size(1) - rank, rank).to(ScalarType.Float32).contiguous();
    }

    private static Tensor Norm(Tensor x) => x.square().sum([1, 2, 3], true).sqrt().clamp(min: 1e-20);
}

/// <summary>Parameters of <see cref="TuckerPhaseRetrieval"/>. The defaults are the preset <c>balanced</c>.</summary>
public sealed record TuckerPhaseRetrievalParameters : SolverParameters
{
    /// <summary>Rank along the images' height; at most that height is used.</summary>
    [Range(1, 512)] public int RowRank { get; init; } = 32;

    /// <summary>Rank along the images' width; at most that width is used.</summary>
    [Range(1, 512)] public int ColumnRank { get; init; } = 32;

    /// <summary>Rank along the frames; at most their number is used, so that it is 1 for one frame.</summary>
    [Range(1, 64)] public int FrameRank { get; init; } = 4;

    /// <summary>Rounds over frame coefficients, rows, columns and core.</summary>
    [Range(1, 1000)] public int Rounds { get; init; } = 60;

    /// <summary>Gradient steps on the frame coefficients, a round.</summary>
    [Range(1, 1000)] public int FlowSteps { get; init; } = 50;

    /// <summary>Length of such a step; 1 is Gauss and Newton's for masks of unit modulus.</summary>
    [Range(0.01, 1.0)] public double FlowRate { get; init; } = 0.8;

    /// <summary>The authors' ranks and steps.</summary>
    internal static TuckerPhaseRetrievalParameters Paper { get; } = new() { RowRank = 5, ColumnRank = 10, FrameRank = 1, Rounds = 30 };

    /// <summary>Ranks for images of a hundred pixels a side.</summary>
    internal static TuckerPhaseRetrievalParameters Balanced { get; } = new();

    /// <summary>Lower ranks, fewer steps on the coefficients.</summary>
    internal static TuckerPhaseRetrievalParameters Fast { get; } = new() { RowRank = 16, ColumnRank = 16, FlowSteps = 10 };

    internal static SolverDescription Description { get; } = new(
        "tspr",
        "TSPR",
        "Kwon, Li, Sarwate: Low-Rank Phase Retrieval with Structured Tensor Models. ICASSP 2022, arXiv:2202.08260.",
        Paper, Balanced, Fast);

    /// <inheritdoc/>
    internal override bool JointFrames => true;

    // Its contractions.
    internal override double Bytes(long[] image, long frames) =>
        6.0 * sizeof(float) * image[1] * image[2] * RowRank * ColumnRank * Math.Min(FrameRank, frames);

    /// <inheritdoc/>
    internal override Solver Create(SolverInput input) => new TuckerPhaseRetrieval(input, this);

    /// <inheritdoc/>
    internal override string? Refusal(Problem problem, ModelInfo model) =>
        problem is not CodedDiffraction ? "TSPR solves coded diffraction only."
        : model.Channels != 1 ? "TSPR solves frames of one channel; the model's images have more."
        : null;
}
