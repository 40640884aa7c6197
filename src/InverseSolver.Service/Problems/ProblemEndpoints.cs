using System.Reflection;
using System.Text.Json.Nodes;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;
using InverseSolver.Service.Access;
using InverseSolver.Service.Documentation;
using Microsoft.AspNetCore.Http.HttpResults;

namespace InverseSolver.Service.Problems;

/// <summary>A kind of inverse problem.</summary>
/// <param name="Type">Its name in requests.</param>
/// <param name="Description">Its description.</param>
/// <param name="Schema">The JSON Schema of its parameters, with ranges and defaults.</param>
/// <param name="Recommended">The recommended solver, which runs where a job names none.</param>
/// <param name="Example">A job that runs once the files are added.</param>
internal sealed record ProblemKind(string Type, string? Description, JsonObject Schema, Recommendation Recommended, JsonObject Example);

/// <summary>All kinds of inverse problems.</summary>
/// <param name="Items">The kinds.</param>
internal sealed record ProblemList(IReadOnlyList<ProblemKind> Items);

/// <summary>A solver.</summary>
/// <param name="Type">Its name in requests.</param>
/// <param name="Title">Its full name.</param>
/// <param name="Citation">Its publication.</param>
/// <param name="RecommendedFor">The kinds of problems for which it runs when a job names no solver.</param>
/// <param name="Baseline">True where it uses no network, so that a job can request it for comparison (`baselines`).</param>
/// <param name="Schema">The JSON Schema of its parameters, with ranges; the defaults are those of <c>balanced</c>.</param>
/// <param name="Presets">Its presets with all their parameters.</param>
/// <param name="PresetDescriptions">A sentence or two for each preset: its cost, and what of the paper it leaves out or replaces.</param>
/// <param name="Example">A job that runs once the files are added.</param>
internal sealed record SolverKind(
    string Type, string Title, string Citation, IReadOnlyList<string> RecommendedFor, bool Baseline, JsonObject Schema,
    IReadOnlyDictionary<string, JsonObject> Presets, IReadOnlyDictionary<string, string> PresetDescriptions, JsonObject Example);

/// <summary>All solvers.</summary>
/// <param name="Items">The solvers.</param>
internal sealed record SolverList(IReadOnlyList<SolverKind> Items);

/// <summary>Problems and solvers over HTTP.</summary>
internal static class ProblemEndpoints
{
    private static readonly Lazy<ProblemList> Problems = new(DescribeProblems);
    private static readonly Lazy<SolverList> Solvers = new(DescribeSolvers);

    /// <summary>All kinds of problems.</summary>
    public static ProblemList AllProblems => Problems.Value;

    /// <summary>All solvers.</summary>
    public static SolverList AllSolvers => Solvers.Value;

    /// <summary>Maps the endpoints.</summary>
    public static void MapProblems(this IEndpointRouteBuilder app)
    {
        RouteGroupBuilder group = app.MapGroup("/v1").WithTags("Problems and solvers");
        group.MapGet("problems", ListProblems).WithName("listProblems").Needs(Scope.Read).ProducesErrors();
        group.MapGet("solvers", ListSolvers).WithName("listSolvers").Needs(Scope.Read).ProducesErrors();
        group.MapSimulation();
    }

    /// <summary>Lists the kinds of problems with their parameters.</summary>
    /// <remarks>
    /// Each kind is named by the `type` that requests send, with the JSON Schema of its parameters, the recommended solver, and a job as an example.
    /// </remarks>
    /// <response code="200">The kinds.</response>
    private static Ok<ProblemList> ListProblems() => TypedResults.Ok(AllProblems);

    /// <summary>Lists the solvers with their parameters and presets.</summary>
    /// <remarks>
    /// Each solver is named by the `type` that requests send, with its publication, the JSON Schema of its parameters, its presets, and a job as an example.
    /// </remarks>
    /// <response code="200">The solvers.</response>
    private static Ok<SolverList> ListSolvers() => TypedResults.Ok(AllSolvers);

    private static ProblemList DescribeProblems() => new([.. Problem.Kinds.Select(kind =>
    {
        JsonObject schema = JsonSchemas.Of(kind.Type);
        var properties = schema["properties"] as JsonObject ?? [];
        schema["properties"] = properties;
        properties.Insert(0, "type", new JsonObject { ["const"] = kind.Name });
        var required = schema["required"] as JsonArray ?? [];
        schema["required"] = required;
        required.Insert(0, "type");
        return new ProblemKind(kind.Name, XmlDocs.Of(kind.Type), schema, kind.Recommendation, Examples.Job(kind.Name));
    })]);

    private static SolverList DescribeSolvers() => new([.. SolverCatalog.All.Select(solver =>
    {
        Type parameters = solver.Presets.Values.First().GetType();
        var presets = solver.Presets.ToDictionary(preset => preset.Key, preset => SolverCatalog.ToJson(preset.Value));
        var descriptions = solver.Presets.Keys.ToDictionary(name => name, name => DescriptionOf(parameters, name));
        JsonObject example = Examples.Job("inpainting");
        example["solver"]!["type"] = solver.Type;
        string[] recommendedFor = [.. Problems.Value.Items.Where(kind => kind.Recommended.Best == solver.Type).Select(kind => kind.Type)];
        return new SolverKind(
            solver.Type, solver.Title, solver.Citation, recommendedFor, solver.IsBaseline, JsonSchemas.Of(parameters), presets, descriptions, example);
    })]);

    // Presets are static properties of the same name, with the sentences above them.
    private static string DescriptionOf(Type parameters, string preset) => XmlDocs.Of(
        parameters.GetProperty($"{char.ToUpperInvariant(preset[0])}{preset[1..]}", BindingFlags.Static | BindingFlags.NonPublic)!)!;
}
