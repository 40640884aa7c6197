using System.Text.Json.Nodes;

namespace InverseSolver.Solvers.Solvers;

/// <summary>A solver as callers see it.</summary>
/// <param name="Type">Its name in requests, for example <c>reSample</c>.</param>
/// <param name="Title">Its name in print.</param>
/// <param name="Citation">Where it was published.</param>
/// <param name="Presets">Its presets by name: <c>paper</c>, <c>balanced</c>, <c>fast</c>.</param>
public sealed record SolverDescription(
    string Type, string Title, string Citation, IReadOnlyDictionary<string, SolverParameters> Presets);

/// <summary>All solvers.</summary>
public static class SolverCatalog
{
    /// <summary>All solvers, the recommended one first.</summary>
    public static IReadOnlyList<SolverDescription> All { get; } = [];

    /// <summary>A preset with some parameters replaced.</summary>
    /// <param name="type">The solver's name.</param>
    /// <param name="preset">The preset's name.</param>
    /// <param name="overrides">Parameters to replace, by their JSON names.</param>
    /// <exception cref="InvalidInputException">Unknown solver, preset or parameter, or a value out of range; names the field under <c>solver</c>.</exception>
    public static SolverParameters Resolve(string type, string preset, JsonObject? overrides) => throw new NotImplementedException();
}
