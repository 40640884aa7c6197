using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Mri;
using InverseSolver.Reconstruction.Problems;
using Xunit;
using static InverseSolver.UnitTests.Mri.SimulatedScan;

namespace InverseSolver.UnitTests.Mri;

/// <summary>Whether coils and k-space belong together: what no image explains is told, and right data are not.</summary>
[LeavesNoTensors]
public sealed class ModelErrorTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData(0.0005, 1, 24), InlineData(0.002, 2, 24), InlineData(0.01, 3, 24), InlineData(0.1, 2, 24), InlineData(0.01, 2, 16)]
    public void Right_data_bring_no_warning(double noise, int every, int centre)
    {
        using var scope = torch.NewDisposeScope();
        SimulatedScan made = Create(noise);
        Assert.Empty(Warnings(made, every == 1 ? null : Lines(every, centre), "right"));
        // A noise level that is a little off is no wrong model.
        Assert.Empty(Warnings(made, every == 1 ? null : Lines(every, centre), "less noise", 0.8 * noise * Peak));
    }

    [Theory]
    [InlineData("coils in another order than their maps"), InlineData("centre beside the centre"), InlineData("rows of every coil in another place")]
    public void Data_that_no_image_explains_bring_one(string what)
    {
        using var scope = torch.NewDisposeScope();
        SimulatedScan made = Create(0.002);
        Tensor k = made.KSpace;
        (Tensor spoiled, (string, Tensor)[] files) = what switch
        {
            "coils in another order than their maps" => (k.roll([1], [0]), [("maps", made.Coils)]),
            "centre beside the centre" => (k.roll([Columns / 4], [-1]), []),
            _ => (torch.cat([.. Enumerable.Range(0, CoilCount).Select(coil => k.narrow(0, coil, 1).roll([7 * coil], [-2]))]), Array.Empty<(string, Tensor)>()),
        };
        string warning = Assert.Single(Warnings(made with { KSpace = spoiled }, Lines(2, 24), what, null, files));
        Assert.StartsWith("The image may be wrong: no image explains ", warning, StringComparison.Ordinal);
        Assert.Contains("less than 2 %", warning, StringComparison.Ordinal);
        // Also where sigma is given as 0, and there is no noise to compare with.
        Assert.Single(Warnings(made with { KSpace = spoiled }, Lines(2, 24), what, 0, files));
    }

    /// <remarks>Frequency 0 in the corner, as an FFT without a shift has it: what is taken for noise is the image.</remarks>
    [Fact]
    public void K_space_whose_centre_is_in_the_corner_is_told_of()
    {
        using var scope = torch.NewDisposeScope();
        SimulatedScan made = Create(0.002);
        PreparedScan scan = Prepare((made with { KSpace = made.KSpace.roll([Rows / 2, Columns / 2], [-2, -1]) }).Request());
        using SenseOperator a = scan.A;
        output.WriteLine($"noise {scan.Report.NoiseShare:p1}");
        Assert.Contains("the middle of the array", Assert.Single(ParallelReconstruction.Warnings(scan.Report)), StringComparison.Ordinal);
    }

    /// <remarks>Every second line and nothing more: the aliases of an object are explained by sensitivities that are nearly constant.</remarks>
    [Theory]
    [InlineData(0, true), InlineData(3, true), InlineData(12, false)]
    public void Sensitivities_from_a_few_lines_of_an_undersampled_scan_are_told_of(int centre, bool warned)
    {
        using var scope = torch.NewDisposeScope();
        string[] warnings = Warnings(Create(0.002), Lines(2, centre), $"{centre} lines");
        if (warned) Assert.Contains("too few to tell aliases apart", Assert.Single(warnings), StringComparison.Ordinal);
        else Assert.Empty(warnings);
    }

    private string[] Warnings(SimulatedScan made, bool[]? mask, string what, double? sigma = null, (string, Tensor)[]? files = null)
    {
        (string, Tensor)[] all = [.. files ?? [], .. sigma is null ? [("covariance", made.Covariance)] : Array.Empty<(string, Tensor)>()];
        PreparedScan scan = Prepare(made.Request(mask, null, all) with { Sigma = sigma });
        using SenseOperator a = scan.A;
        output.WriteLine($"{what}: model error {scan.Report.ModelError:f2}, unexplained {scan.Report.Unexplained:p2}");
        return [.. ParallelReconstruction.Warnings(scan.Report)];
    }
}
