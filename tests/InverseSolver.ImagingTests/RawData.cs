using InverseSolver.Imaging;
using InverseSolver.UnitTests;
using Xunit;

namespace InverseSolver.ImagingTests;

/// <summary>Real raw data, which are no part of the repository, and files that other programs write.</summary>
internal static class RawData
{
    /// <summary>A file of the test data; the test is skipped where they are not there.</summary>
    internal static byte[] Read(params string[] path)
    {
        string? root = Environment.GetEnvironmentVariable("INVERSESOLVER_TEST_DATA") is { Length: > 0 } named ? named : null;
        string file = root is null ? "" : Path.Combine([root, "raw_kspace", .. path]);
        Assert.SkipUnless(File.Exists(file), $"INVERSESOLVER_TEST_DATA names no folder with raw_kspace/{string.Join('/', path)}.");
        return File.ReadAllBytes(file);
    }

    /// <summary>A file that ismrmrd_write.py writes, and what it says must be read from it.</summary>
    /// <param name="scan">The name of one of its scans.</param>
    internal static (byte[] File, byte[] Expected) Write(string scan) => InFolder(folder =>
    {
        string file = Path.Combine(folder, "scan.h5");
        return Python(scan, file);
    });

    /// <summary>Runs something with a folder of its own.</summary>
    internal static T InFolder<T>(Func<string, T> run)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("inverse-raw-");
        try
        {
            return run(folder.FullName);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>Runs ismrmrd_write.py.</summary>
    internal static (byte[] File, byte[] Expected) Python(string scan, string file)
    {
        Run("/usr/bin/python3", [Repository.File("tests", "InverseSolver.ImagingTests", "ismrmrd_write.py"), scan, file]);
        return (File.ReadAllBytes(file), File.ReadAllBytes(file + ".npz"));
    }

    /// <summary>Runs a program that must succeed.</summary>
    internal static void Run(string program, string[] arguments)
    {
        (int exitCode, string output) = Repository.Run(program, arguments);
        Assert.True(exitCode == 0, output);
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
