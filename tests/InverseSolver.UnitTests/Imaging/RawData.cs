using InverseSolver.Imaging;
using Xunit;

namespace InverseSolver.UnitTests.Imaging;

/// <summary>Real raw data, which are no part of the repository, and files that other programs write.</summary>
internal static class RawData
{
    private const string Python = "/usr/bin/python3";

    /// <summary>A file of the test data; the test is skipped where they are not there.</summary>
    internal static byte[] Read(params string[] path)
    {
        string? root = Environment.GetEnvironmentVariable("INVERSESOLVER_TEST_DATA") is { Length: > 0 } named ? named : null;
        string file = root is null ? "" : Path.Combine([root, "raw_kspace", .. path]);
        Assert.SkipUnless(File.Exists(file), $"INVERSESOLVER_TEST_DATA names no folder with raw_kspace/{string.Join('/', path)}.");
        return File.ReadAllBytes(file);
    }

    /// <summary>A file that ismrmrd_write.py writes.</summary>
    /// <param name="scan">The name of one of its scans.</param>
    internal static byte[] Write(string scan)
    {
        string file = Path.Combine(Path.GetTempPath(), $"inverse-{Guid.NewGuid():N}.h5");
        try
        {
            (int exitCode, string output) = Repository.Run(Python, [Repository.File("tests", "InverseSolver.UnitTests", "Imaging", "ismrmrd_write.py"), scan, file]);
            Assert.True(exitCode == 0, output);
            return File.ReadAllBytes(file);
        }
        finally
        {
            File.Delete(file);
        }
    }

    /// <summary>Root of the sum over coils of squared magnitudes of the image of one frame.</summary>
    internal static float[] RootSumOfSquares(RawMri scan, int frame)
    {
        int plane = scan.Rows * scan.Columns;
        float[] sum = new float[plane];
        for (int coil = 0; coil < scan.Coils; coil++)
        {
            float[] image = scan.KSpace.AsSpan(2 * ((frame * scan.Coils) + coil) * plane, 2 * plane).ToArray();
            KSpaceAxis.ToImage(image, 1, scan.Rows, scan.Columns);
            KSpaceAxis.ToImage(image, scan.Rows, scan.Columns, 1);
            for (int i = 0; i < plane; i++) sum[i] += (image[2 * i] * image[2 * i]) + (image[(2 * i) + 1] * image[(2 * i) + 1]);
        }
        return [.. sum.Select(MathF.Sqrt)];
    }

    /// <summary>Norm of the difference over norm of the expected values.</summary>
    internal static double Distance(IReadOnlyList<float> expected, IReadOnlyList<float> actual)
    {
        Assert.Equal(expected.Count, actual.Count);
        double difference = 0, norm = 0;
        for (int i = 0; i < expected.Count; i++)
        {
            difference += Math.Pow(expected[i] - actual[i], 2);
            norm += Math.Pow(expected[i], 2);
        }
        return Math.Sqrt(difference / norm);
    }
}
