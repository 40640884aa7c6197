using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Nodes;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Solvers;
using Xunit;

namespace InverseSolver.UnitTests.Solvers;

public sealed class SolverCatalogTests
{
    public static TheoryData<string, string> Presets => [.. SolverCatalog.All.SelectMany(s => s.Presets.Keys.Select(p => (s.Type, p)))];

    [Theory, MemberData(nameof(Presets))]
    public void Every_preset_is_within_its_own_ranges(string type, string preset)
    {
        SolverParameters parameters = SolverCatalog.Resolve(type, preset, null);
        Validator.ValidateObject(parameters, new ValidationContext(parameters), validateAllProperties: true);
        RecordValidation.Check(parameters, "solver.parameters");
        Assert.Equal(SolverCatalog.All.Single(s => s.Type == type).Presets[preset], parameters);
    }

    [Theory, MemberData(nameof(Presets))]
    public void Null_keeps_what_the_preset_has(string type, string preset)
    {
        SolverParameters parameters = SolverCatalog.Resolve(type, preset, null);
        var nulls = new JsonObject(SolverCatalog.ToJson(parameters).Select(own => KeyValuePair.Create(own.Key, (JsonNode?)null)));
        Assert.Equal(parameters, SolverCatalog.Resolve(type, preset, nulls));
    }

    [Theory, MemberData(nameof(Presets))]
    public void A_preset_s_own_values_replace_nothing(string type, string preset)
    {
        JsonObject own = SolverCatalog.ToJson(SolverCatalog.Resolve(type, preset, null));
        Assert.Equal(SolverCatalog.Resolve(type, preset, null), SolverCatalog.Resolve(type, preset, own));
        Assert.All(own, p => Assert.Equal(JsonNamingPolicy.CamelCase.ConvertName(p.Key), p.Key));
        Assert.Equal(
            SolverCatalog.Resolve(type, preset, null).GetType().GetProperties()
                .Count(p => !p.IsDefined(typeof(System.Text.Json.Serialization.JsonIgnoreAttribute), true)),
            own.Count);
    }

    [Fact]
    public void Solvers_have_four_presets_without_a_network_three_of_which_balanced_is_the_default()
    {
        Assert.All(SolverCatalog.All, s => Assert.Equal(
            s.IsBaseline ? ["balanced", "fast", "paper"] : ["balanced", "fast", "paper", "paperFast"], s.Presets.Keys.Order(StringComparer.Ordinal)));
        Assert.Equal(new ReSampleParameters(), SolverCatalog.Resolve("reSample", "balanced", null));
    }

    [Fact]
    public void Paper_holds_the_published_values()
    {
        var paper = (ReSampleParameters)SolverCatalog.Resolve("reSample", "paper", null);
        Assert.Equal((1, 500, 0.0, 40.0), (paper.Samples, paper.Steps, paper.Eta, paper.Gamma));
        Assert.Equal((10, 5, true, true), (paper.ConsistencyEvery, paper.TravelSteps, paper.TravelOffByOne, paper.ReferenceTimesteps));
        Assert.Equal(2.0 / 3, paper.ConsistencyStart, 12);
        Assert.Equal(1.0 / 3, paper.LatentFraction, 12);
        Assert.Equal(0.5, paper.LdpsScale);
        Assert.Equal((DataStep.Paper, 2000, 0.01), (paper.DataStep, paper.PixelIterations, paper.PixelLearningRate));
        Assert.Equal((500, 500, 0.005, 200), (paper.LatentIterations, paper.FinalLatentIterations, paper.LatentLearningRate, paper.Window));
        Assert.Equal(0.01, paper.WeightDecay);
        Assert.Null(paper.DiscrepancyFactor);
        Assert.False(paper.FinalProximalStep);
        Assert.Equal(Tweedie.Reference, paper.Tweedie);
    }

    [Fact]
    public void Overrides_replace_what_they_name_and_nothing_else()
    {
        var overrides = JsonNode.Parse(
            """{"steps": 7, "dataStep": "paper", "tweedie": "reference", "discrepancyFactor": 0.5,"""
            + """ "ldpsScale": 0.25, "travelSteps": 1, "travelOffByOne": true}""")!.AsObject();
        var fast = (ReSampleParameters)SolverCatalog.Resolve("reSample", "fast", null);
        Assert.Equal(
            fast with
            {
                Steps = 7,
                DataStep = DataStep.Paper,
                Tweedie = Tweedie.Reference,
                DiscrepancyFactor = 0.5,
                LdpsScale = 0.25,
                TravelSteps = 1,
                TravelOffByOne = true,
            },
            SolverCatalog.Resolve("reSample", "fast", overrides));
        Assert.Equal(fast, SolverCatalog.Resolve("reSample", "fast", []));
    }

    [Theory]
    [InlineData("""{"pixelIterations": 7}""", "pixelIterations")]
    [InlineData("""{"latentIterations": 50}""", "latentIterations")]
    [InlineData("""{"latentFraction": 0.5}""", "latentFraction")]
    [InlineData("""{"finalLatentIterations": 50}""", "finalLatentIterations")]
    [InlineData("""{"window": 3}""", "window")]
    [InlineData("""{"discrepancyFactor": 5}""", "discrepancyFactor")]
    [InlineData("""{"travelOffByOne": true}""", "travelOffByOne")]
    [InlineData("""{"finalProximalStep": false, "finalCorrelation": 0.1}""", "finalCorrelation")]
    public void A_parameter_of_a_stage_that_is_off_is_refused(string overrides, string name)
    {
        var e = Assert.Throws<InvalidInputException>(() => SolverCatalog.Resolve("reSample", "fast", JsonNode.Parse(overrides)!.AsObject()));
        Assert.Equal($"solver.parameters.{name}", e.Field);
    }

    [Fact]
    public void A_parameter_of_a_stage_that_is_on_is_taken()
    {
        var latent = (ReSampleParameters)SolverCatalog.Resolve(
            "reSample", "fast",
            JsonNode.Parse("""{"dataStep": "paper", "latentFraction": 0.5, "latentIterations": 50, "window": 3}""")!.AsObject());
        Assert.Equal((0.5, 50, 3), (latent.LatentFraction, latent.LatentIterations, latent.Window));
        Assert.Equal(
            9,
            ((ReSampleParameters)SolverCatalog.Resolve(
                "reSample", "fast",
                JsonNode.Parse("""{"dataStep": "paper", "finalLatentIterations": 2, "window": 9}""")!.AsObject())).Window);
    }

    [Theory]
    [InlineData("ReSample"), InlineData("dps"), InlineData("")]
    public void An_unknown_solver_is_named(string type)
    {
        var e = Assert.Throws<InvalidInputException>(() => SolverCatalog.Resolve(type, "fast", null));
        Assert.Equal("solver.type", e.Field);
        Assert.Contains("reSample", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unknown_preset_is_named()
    {
        var e = Assert.Throws<InvalidInputException>(() => SolverCatalog.Resolve("reSample", "slow", null));
        Assert.Equal("solver.preset", e.Field);
        Assert.Contains("paper", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"stepz": 3}""", "stepz")]
    [InlineData("""{"steps": "30"}""", "steps")]
    [InlineData("""{"steps": 30.5}""", "steps")]
    [InlineData("""{"steps": [30]}""", "steps")]
    [InlineData("""{"steps": 99999999999}""", "steps")]
    [InlineData("""{"eta": true}""", "eta")]
    [InlineData("""{"travelOffByOne": 1}""", "travelOffByOne")]
    [InlineData("""{"dataStep": "exact"}""", "dataStep")]
    [InlineData("""{"dataStep": 7}""", "dataStep")]
    [InlineData("""{"tweedie": 1}""", "tweedie")]
    [InlineData("""{"gamma": 20, "eta": "0"}""", "eta")]
    [InlineData("""{"steps": 0}""", "steps")]
    [InlineData("""{"steps": 1001}""", "steps")]
    [InlineData("""{"samples": 0}""", "samples")]
    [InlineData("""{"samples": 33}""", "samples")]
    [InlineData("""{"eta": 1.01}""", "eta")]
    [InlineData("""{"eta": -0.01}""", "eta")]
    [InlineData("""{"gamma": 1e7}""", "gamma")]
    [InlineData("""{"gamma": 1e999}""", "gamma")]
    [InlineData("""{"consistencyStart": 1.5}""", "consistencyStart")]
    [InlineData("""{"latentFraction": -0.1}""", "latentFraction")]
    [InlineData("""{"pixelLearningRate": 0}""", "pixelLearningRate")]
    [InlineData("""{"discrepancyFactor": -1}""", "discrepancyFactor")]
    [InlineData("""{"finalCorrelation": 1}""", "finalCorrelation")]
    [InlineData("""{"priorStandardDeviation": 0}""", "priorStandardDeviation")]
    [InlineData("""{"window": 0}""", "window")]
    public void A_wrong_parameter_is_named(string overrides, string field)
    {
        var e = Assert.Throws<InvalidInputException>(() => SolverCatalog.Resolve("reSample", "fast", JsonNode.Parse(overrides)!.AsObject()));
        Assert.Equal($"solver.parameters.{field}", e.Field);
        Assert.NotEmpty(e.Message);
    }
}
