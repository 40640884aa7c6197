using InverseSolver.Diffusion;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Reconstruction;

/// <summary>A solver without a network, to compare a result with.</summary>
/// <param name="Solver">Its name.</param>
/// <param name="Parameters">Its parameters.</param>
public sealed record Baseline(string Solver, SolverParameters Parameters)
{
    /// <summary>Baselines that one request may ask for.</summary>
    public const int Most = 4;

    /// <summary>The preset that they have.</summary>
    public const string Preset = "balanced";

    /// <summary>Baselines by their names.</summary>
    /// <param name="names">Distinct names of solvers without a network.</param>
    /// <exception cref="InvalidInputException">Names the field, for example <c>baselines[1]</c>.</exception>
    public static IReadOnlyList<Baseline> Resolve(IReadOnlyList<string?> names)
    {
        if (names.Count > Most)
        {
            throw new InvalidInputException("baselines", $"They are {names.Count}; at most {Most} are solved beside a result.");
        }

        return [.. names.Select((name, i) =>
        {
            string[] known = [.. SolverCatalog.All.Where(solver => solver.IsBaseline).Select(solver => solver.Type)];
            if (!known.Contains(name))
            {
                throw new InvalidInputException($"baselines[{i}]", Words.NoneOf(name, known));
            }

            return names.Take(i).Contains(name)
                ? throw new InvalidInputException($"baselines[{i}]", $"'{name}' stands there twice.")
                : new Baseline(name!, SolverCatalog.Resolve(name!, Preset, null));
        })];
    }

    /// <summary>Checks that each can solve what another solver was asked to solve.</summary>
    /// <exception cref="InvalidInputException">Names the field, for example <c>baselines[1]</c>.</exception>
    public static void Check(ModelInfo model, CheckedReconstruction valid, IReadOnlyList<Baseline> baselines)
    {
        for (int i = 0; i < baselines.Count; i++)
        {
            if (baselines[i].Parameters.Refusal(valid.Request.Problem, model) is { } refusal)
            {
                throw new InvalidInputException($"baselines[{i}]", refusal);
            }
        }
    }

    /// <summary>Solves what another solver was asked to solve: same measurement, sigma, seed and truth.</summary>
    /// <param name="model">The model, for its shapes only.</param>
    /// <param name="valid">The problem, which <see cref="Check"/> found the baseline able to solve.</param>
    /// <param name="progress">Called after steps; without previews, which are the main solver's.</param>
    /// <param name="cancellation">Checked between steps and inside them.</param>
    public ReconstructionResult Run(LatentModel model, CheckedReconstruction valid, Action<SolverProgress>? progress, CancellationToken cancellation) =>
        Run(model, valid, position: null, progress, cancellation);

    /// <summary>The same from a position on, which moves with the run.</summary>
    internal ReconstructionResult Run(
        LatentModel model, CheckedReconstruction valid, RunPosition? position, Action<SolverProgress>? progress, CancellationToken cancellation) =>
        Reconstructor.Run(
            model,
            valid.With(Parameters),
            position,
            progress is null ? null : step => progress(step with { Stage = $"baseline {Solver}", Preview = null }),
            cancellation);
}
