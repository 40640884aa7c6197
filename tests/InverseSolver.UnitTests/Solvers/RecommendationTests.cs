using System.Reflection;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;
using Xunit;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>What is recommended follows from what was measured: docs/results holds the tables of the evaluations.</summary>
public sealed class RecommendationTests
{
    // The evaluations' problems of each kind; kinds without one were not measured.
    private static readonly Dictionary<Type, string[]> Problems = new()
    {
        [typeof(Inpainting)] = ["randomInpainting"],
        [typeof(SuperResolution)] = ["superResolution4"],
        [typeof(GaussianBlur)] = ["gaussianDeblurring"],
        [typeof(MotionBlur)] = ["motionDeblurring"],
        [typeof(CartesianMri)] = ["mri4"],
        [typeof(ParallelMri)] = ["parallelMri4"],
        [typeof(Denoising)] = ["denoising"],
        [typeof(ComputedTomography)] = ["ct25", "ct25Means", "ctLimited"],
        [typeof(Composition)] = ["blurSuperResolutionInpainting"],
        [typeof(CompressedSensing)] = ["hadamard25", "cosines25"],
        [typeof(HighDynamicRange)] = ["hdr"],
        [typeof(Clipping)] = ["clipping"],
        [typeof(Quantisation)] = ["quantisation8"],
        [typeof(Jpeg)] = ["jpeg10"],
        [typeof(PhaseRetrieval)] = ["phaseRetrieval"],
        [typeof(CodedDiffraction)] = ["codedDiffraction"],
    };

    // Solvers that differ by less cannot be told apart.
    private const double SameDb = 0.05;

    public static TheoryData<string> Kinds => [.. Problem.Kinds.Select(kind => kind.Name)];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void The_recommended_solver_measured_best(string kind)
    {
        (Type type, Recommendation recommended) = Problem.Kinds.Where(one => one.Name == kind).Select(one => (one.Type, one.Recommendation)).Single();
        if (!Problems.TryGetValue(type, out string[]? problems))
        {
            Assert.Contains("Not measured", recommended.Note);
            return;
        }

        MeasuredBest(recommended, problems);
    }

    [Fact]
    public void So_did_the_one_for_a_large_hole()
    {
        Recommendation recommended = new Inpainting(new BoxMask(48, 48)).Recommendation;
        Assert.NotEqual(Inpainting.Description.Recommendation, recommended);
        MeasuredBest(recommended, ["boxInpainting"]);
    }

    [Fact]
    public void Where_ReSample_is_weak_is_said() => Assert.Contains("ReSample as published is weak", Inpainting.Description.Recommendation.Note);

    private static void MeasuredBest(Recommendation recommended, string[] problems)
    {
        JsonArray fast = Rows("fast"), balanced = Rows("balanced");
        Dictionary<string, double> slow = Psnr(balanced, problems, _ => true);
        Dictionary<string, double> all = slow.Count > 1 ? slow : Psnr(fast, problems, _ => true);
        Assert.True(
            all[recommended.Best] > all.Values.Max() - SameDb,
            $"{problems[0]}: {recommended.Best} has {all[recommended.Best]:f2} dB, {all.MaxBy(one => one.Value)}");

        Dictionary<string, double> quick = Psnr(fast, problems, row => (double)row["decoderGradients"]! == 0 && ((double?)row["networkGradients"] ?? 0) == 0);
        Assert.True(
            quick[recommended.Quick] > quick.Values.Max() - SameDb,
            $"{problems[0]}: {recommended.Quick} has {quick[recommended.Quick]:f2} dB, {quick.MaxBy(one => one.Value)}");
    }

    private static JsonArray Rows(string preset) => JsonNode.Parse(File.ReadAllText(Repository.File("docs", "results", $"{preset}.json")))!.AsArray();

    // Of the catalogue's solvers that solved all of the problems: the mean PSNR over them.
    private static Dictionary<string, double> Psnr(JsonArray rows, string[] problems, Func<JsonNode, bool> counts) => rows
        .Where(row => problems.Contains((string)row!["problem"]!) && SolverCatalog.All.Any(solver => solver.Type == (string)row["solver"]!) && counts(row))
        .GroupBy(row => (string)row!["solver"]!)
        .Where(solver => solver.Count() == problems.Length)
        .ToDictionary(solver => solver.Key, solver => solver.Average(row => (double)row!["psnrDb"]!));
}
