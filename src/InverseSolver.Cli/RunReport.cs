using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using InverseSolver.Diffusion;
using InverseSolver.Solvers;
using InverseSolver.Solvers.Problems;
using InverseSolver.Solvers.Solvers;

namespace InverseSolver.Cli;

/// <summary>The report of a local run, with the service's names.</summary>
internal static class RunReport
{
    internal static JsonObject OfBaseline(Baseline baseline, ReconstructionResult result) => new()
    {
        ["solver"] = baseline.Solver,
        ["parameters"] = SolverCatalog.ToJson(baseline.Parameters),
        ["consistency"] = JsonSerializer.SerializeToNode(result.Consistency, CliJson.Options),
        ["quality"] = JsonSerializer.SerializeToNode(result.Quality, CliJson.Options),
        ["cost"] = JsonSerializer.SerializeToNode(result.Cost, CliJson.Options),
    };

    internal static JsonObject Of(
        LatentModel model, ReconstructionRequest request, string solver, string preset, double? sigma, ReconstructionResult result, DateTimeOffset started) => new()
        {
            ["notice"] = "Not for diagnosis.",
            ["model"] = new JsonObject
            {
                ["id"] = model.Info.Id,
                ["version"] = model.Info.Version,
                ["hash"] = model.Info.Hash,
                ["licence"] = model.Info.Licence,
                ["precision"] = model.Info.Precision,
                ["conditioning"] = JsonSerializer.SerializeToNode(model.Info.Conditioning, CliJson.Options),
            },
            ["problem"] = JsonSerializer.SerializeToNode<Problem>(request.Problem, CliJson.Options),
            ["operatorHash"] = result.OperatorHash,
            ["solver"] = new JsonObject { ["type"] = solver, ["preset"] = preset, ["parameters"] = SolverCatalog.ToJson(request.Solver) },
            ["seed"] = request.Seed,
            ["sigma"] = sigma,
            ["effectiveSigma"] = result.Noise.Sigma,
            ["sigmaEstimated"] = result.Noise.SigmaEstimated,
            ["sigmaMethod"] = result.Noise.SigmaMethod,
            ["photons"] = result.Noise.Photons,
            ["consistency"] = JsonSerializer.SerializeToNode(result.Consistency, CliJson.Options),
            ["quality"] = JsonSerializer.SerializeToNode(result.Quality, CliJson.Options),
            ["frames"] = JsonSerializer.SerializeToNode(result.Frames, CliJson.Options),
            ["mri"] = JsonSerializer.SerializeToNode(result.Mri, CliJson.Options),
            ["twin"] = JsonSerializer.SerializeToNode(result.Twin, CliJson.Options),
            ["deviationWhite"] = result.DeviationWhite,
            ["cost"] = JsonSerializer.SerializeToNode(result.Cost, CliJson.Options),
            ["times"] = new JsonObject { ["started"] = started, ["finished"] = DateTimeOffset.UtcNow },
            ["fingerprint"] = JsonSerializer.SerializeToNode(Fingerprint.Of(model.Device, result.Batch), CliJson.Options),
            ["versions"] = new JsonObject
            {
                ["inverse"] = typeof(RunReport).Assembly.GetName().Version!.ToString(3),
                ["dotnet"] = RuntimeInformation.FrameworkDescription,
                ["os"] = RuntimeInformation.OSDescription,
            },
        };
}
