using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Mri;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;
using Xunit;

namespace InverseSolver.UnitTests.Mri;

/// <summary>Multi-coil requests that are wrong, each with the field that says so.</summary>
public sealed class ParallelMriRefusalTests
{
    private const int Coils = 2, Rows = 8, Columns = 10;

    private static readonly Dictionary<string, (string Field, ParallelMri Problem, ArrayData Measurement, (string, ArrayData)[] Files)> Wrong = new()
    {
        ["too many coils"] = ("files.measurement", new(), Complex(1, 257, Rows, Columns), []),
        ["not a number"] = ("files.measurement", new(), With(Complex(1, Coils, Rows, Columns), float.NaN), []),
        ["infinite"] = ("files.measurement", new(), With(Complex(1, Coils, Rows, Columns), float.PositiveInfinity), []),
        ["nothing measured"] = ("files.measurement", new(), Complex(0, Coils, Rows, Columns), []),
        ["a file of no use"] = ("files.truths", new(), KSpace, [("truths", Real(1, Rows, Columns))]),
        ["an infinite file"] = ("files.maps", new(), KSpace, [("maps", With(Complex(1, Coils, Rows, Columns), float.NegativeInfinity))]),
        ["real maps"] = ("files.maps", new(), KSpace, [("maps", Real(1, Coils, Rows, Columns))]),
        ["maps of another size"] = ("files.maps", new(), KSpace, [("maps", Complex(1, Coils, Rows, Columns + 1))]),
        ["maps of other coils"] = ("files.maps", new(), KSpace, [("maps", Complex(1, Coils + 1, Rows, Columns))]),
        ["real calibration"] = ("files.calibration", new(), KSpace, [("calibration", Real(1, Coils, Rows, Columns))]),
        ["calibration of another size"] = ("files.calibration", new(), KSpace, [("calibration", Complex(1, Coils, 4, Columns))]),
        ["covariance of other coils"] = ("files.covariance", new(), KSpace, [("covariance", Complex(1, Coils + 1, Coils + 1))]),
        ["complex phase"] = ("files.phase", new(), KSpace, [("phase", Complex(1, Rows, Columns))]),
        ["phase of another size"] = ("files.phase", new(), KSpace, [("phase", Real(1, Columns, Rows))]),
        ["complex mask"] = ("files.mask", new(), KSpace, [("mask", Complex(1, Rows, Columns))]),
        ["empty mask"] = ("files.mask", new(), KSpace, [("mask", Real(0, Columns))]),
        ["mask of another size"] = ("files.mask", new(), KSpace, [("mask", Real(1, Columns + 1))]),
        ["two sets of one file"] = ("problem.mapSets", new(MapSets: 2), KSpace, [("maps", Complex(1, Coils, Rows, Columns))]),
        ["two sets of one coil"] = ("problem.mapSets", new(MapSets: 2), Complex(1, 1, Rows, Columns), []),
        ["trajectory without rows"] = ("problem.rows", new(), KSpace, [("trajectory", Real(1, 4, 2))]),
        ["trajectory without columns"] = ("problem.columns", new(Rows: 8), Complex(1, Coils, 4), [("trajectory", Real(1, 4, 2))]),
        ["rows missing"] = ("problem.rows", new(Columns: 8), Complex(1, Coils, 4), [("trajectory", Real(1, 4, 2))]),
        ["rows without a trajectory"] = ("files.trajectory", new(Rows: 8, Columns: 8), Complex(1, Coils, 4), []),
        ["trajectory in space"] = ("files.trajectory", new(Rows: 8, Columns: 8), Complex(1, Coils, 4), [("trajectory", Real(1, 4, 3))]),
        ["trajectory of other samples"] = ("files.trajectory", new(Rows: 8, Columns: 8), Complex(1, Coils, 4), [("trajectory", Real(1, 5, 2))]),
        ["trajectory beyond the band"] = ("files.trajectory", new(Rows: 8, Columns: 8), Complex(1, Coils, 4), [("trajectory", Real(1e6f, 4, 2))]),
        ["complex trajectory"] = ("files.trajectory", new(Rows: 8, Columns: 8), Complex(1, Coils, 4), [("trajectory", Complex(1, 4, 2))]),
        ["trajectory in cycles per pixel by the looks of it"] =
            ("problem.trajectoryUnit", new(Rows: 8, Columns: 8), Complex(1, Coils, 4), [("trajectory", Real(0.5f, 4, 2))]),
        ["trajectory in a unit of other files"] =
            ("problem.trajectoryUnit", new(Rows: 8, Columns: 8, TrajectoryUnit: TrajectoryUnit.CyclesPerEncodedFieldOfView),
                Complex(1, Coils, 4), [("trajectory", Real(3, 4, 2))]),
        ["trajectory beyond the band by its unit"] =
            ("files.trajectory", new(Rows: 8, Columns: 8, TrajectoryUnit: TrajectoryUnit.CyclesPerPixel),
                Complex(1, Coils, 4), [("trajectory", Real(1, 4, 2))]),
        ["a unit without a trajectory"] = ("problem.trajectoryUnit", new(TrajectoryUnit: TrajectoryUnit.CyclesPerPixel), KSpace, []),
        ["mask along a trajectory"] =
            ("problem.mask", new(new EquispacedKSpaceMask(), Rows: 8, Columns: 8), Complex(1, Coils, 4), [("trajectory", Real(1, 4, 2))]),
        ["mask file along a trajectory"] =
            ("problem.mask", new(Rows: 8, Columns: 8), Complex(1, Coils, 4), [("trajectory", Real(1, 4, 2)), ("mask", Real(1, 8))]),
    };

    public static TheoryData<string> Names => [.. Wrong.Keys];

    private static ArrayData KSpace => Complex(1, Coils, Rows, Columns);

    [Theory, MemberData(nameof(Names))]
    public void Each_is_refused_by_its_field(string name)
    {
        (string field, ParallelMri problem, ArrayData measurement, (string Name, ArrayData File)[] files) = Wrong[name];
        long[] image = problem.ImageShape([.. measurement.Shape.Select(n => (long)n)]);
        InvalidInputException error = Assert.Throws<InvalidInputException>(
            () => ParallelMriChecks.Check(problem, image, files.ToDictionary(file => file.Name, file => file.File), measurement));
        Assert.Equal(field, error.Field);
    }

    [Fact]
    public void What_is_used_is_what_the_mask_wants_and_the_scan_has()
    {
        ArrayData measurement = Complex(1, Coils, Rows, Columns);
        // No coil has anything in column 3; one coil alone in column 4.
        for (int i = 0; i < measurement.Values.Length / 2; i++)
        {
            if (i % Columns == 3 || (i % Columns == 4 && i < Rows * Columns)) (measurement.Values[2 * i], measurement.Values[2 * i + 1]) = (0, 0);
        }

        bool[] all = Mask(), wanted = Mask(("mask", new ArrayData([Columns], [0, 0, 1, 1, 1, 0.4f, 0.6f, 0, 0, 0])));
        Assert.All(Enumerable.Range(0, all.Length), i => Assert.Equal(i % Columns != 3, all[i]));
        Assert.All(Enumerable.Range(0, all.Length), i => Assert.Equal(i % Columns is 2 or 4 or 6, wanted[i]));

        bool[] Mask(params (string Name, ArrayData File)[] files) =>
            ParallelMriChecks.Check(new ParallelMri(), [1, Rows, Columns], files.ToDictionary(file => file.Name, file => file.File), measurement)!;
    }

    [Fact]
    public void Positions_in_cycles_per_pixel_are_multiplied_by_the_image_s_sizes()
    {
        ArrayData path = new([2, 2], [-0.5f, 0.25f, 0.125f, -0.5f]);
        ParallelMriChecks.CheckTrajectory(path, Rows, Columns, TrajectoryUnit.CyclesPerPixel);
        Assert.Equal(new[,] { { -4, 2.5 }, { 1, -5 } }, ParallelMriChecks.Trajectory(path, Rows, Columns, TrajectoryUnit.CyclesPerPixel));
        Assert.Equal(new[,] { { -0.5, 0.25 }, { 0.125, -0.5 } }, ParallelMriChecks.Trajectory(path, Rows, Columns, TrajectoryUnit.CyclesPerFieldOfView));
        // Raw-data files are read by units of the same names.
        Assert.Equal(Enum.GetNames<InverseSolver.Imaging.RawTrajectoryUnit>(), Enum.GetNames<TrajectoryUnit>());
    }

    private static ArrayData Real(float value, params int[] shape) => new(shape, [.. Enumerable.Repeat(value, shape.Aggregate(1, (a, b) => a * b))]);

    private static ArrayData Complex(float value, params int[] shape) =>
        new(shape, [.. Enumerable.Repeat(value, 2 * shape.Aggregate(1, (a, b) => a * b))], IsComplex: true);

    private static ArrayData With(ArrayData array, float value)
    {
        array.Values[^1] = value;
        return array;
    }
}
