using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using InverseSolver.Reconstruction.Mri;

namespace InverseSolver.Cli.Bench;

/// <summary><c>inverse bench nufft</c>: what a step of a non-Cartesian reconstruction costs, beside a Cartesian one and BART.</summary>
internal static class NufftBench
{
    private const int Rows = 230, Columns = 180, Coils = 8, Spokes = 64, Samples = 460, Repeats = 15;

    // BART runs once with the coils and once with so many times as many; the difference is what the transforms cost, without the process, its files and its
    // plan.
    private const int More = 5;

    internal static Command Create()
    {
        Option<string> device = CliOptions.Device();
        Option<string?> json = CliOptions.Json();
        var command = new Command(
            "nufft",
            $"Transforms of {Coils} coil images of {Rows}x{Columns} at {Spokes} golden-angle spokes of {Samples} samples, "
                + "beside `bart nufft` where it is installed.")
        {
            device, json,
        };
        command.SetAction(arguments =>
        {
            Device where = CliOptions.ParseDevice(arguments.GetValue(device)!);
            using DisposeScope scope = torch.NewDisposeScope();
            using IDisposable grad = torch.no_grad();
            double[,] trajectory = Trajectories.GoldenRadial(Rows, Columns, Spokes, Samples);
            using var nufft = new Nufft(Rows, Columns, trajectory, where);
            Tensor weights = DensityCompensation.Weights(Rows, Columns, trajectory, where);
            using var normal = new ToeplitzNormal(Rows, Columns, trajectory, weights, where);
            using var generator = new Generator(1);
            long[] shape = [Coils, Rows, Columns];
            Tensor x = torch.complex(torch.randn(shape, generator, device: where), torch.randn(shape, generator, device: where)), y = nufft.Forward(x);
            double Ms(Action call, int repeats = Repeats) => NetworkTimes.Median(repeats, where, call);
            double[]? bart = Bart(x, trajectory);
            (string Name, double Ms, double? BartMs)[] rows =
            [
                ("Cartesian transform and back", Ms(() => Centred(Centred(x, forward: true), forward: false)), null),
                ("forward", Ms(() => nufft.Forward(x)), bart?[0]),
                ("adjoint", Ms(() => nufft.Adjoint(y)), bart?[1]),
                ("Toeplitz normal operator", Ms(() => normal.Apply(x)), null),
                ("once: plan of forward and adjoint", Ms(() => new Nufft(Rows, Columns, trajectory, where).Dispose(), 3), null),
                ("once: plan of the normal operator", Ms(() => new ToeplitzNormal(Rows, Columns, trajectory, weights, where).Dispose(), 3), null),
                ("once: density weights", Ms(() => DensityCompensation.Weights(Rows, Columns, trajectory, where), 3), null),
            ];
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {Coils} coils, {Rows}x{Columns}, {Spokes} x {Samples} samples | ms | BART ms |"));
            Console.WriteLine("|---|---:|---:|");
            foreach ((string name, double ms, double? bartMs) in rows)
            {
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {name} | {ms:F1} | {bartMs:F1} |"));
            }

            CliJson.Write(arguments.GetValue(json), rows.Select(row => new { name = row.Name, ms = row.Ms, bartMs = row.BartMs }));
            return ExitCode.Done;
        });
        return command;
    }

    private static Tensor Centred(Tensor x, bool forward)
    {
        Tensor shifted = torch.fft.ifftshift(x, [-2, -1]);
        return torch.fft.fftshift(forward ? torch.fft.fft2(shifted, norm: FFTNormType.Ortho) : torch.fft.ifft2(shifted, norm: FFTNormType.Ortho), [-2, -1]);
    }

    // Forward and adjoint, ms for the coils; null without BART.
    private static double[]? Bart(Tensor x, double[,] trajectory)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("bart-");
        try
        {
            var triples = new float[3 * trajectory.GetLength(0), 2];
            for (int j = 0; j < trajectory.GetLength(0); j++) (triples[3 * j, 0], triples[(3 * j) + 1, 0]) = ((float)trajectory[j, 0], (float)trajectory[j, 1]);
            // Its first dimension is the fastest.
            Write("trajectory", MemoryMarshal.CreateReadOnlySpan(ref triples[0, 0], triples.Length), 3, trajectory.GetLength(0));
            float[] images = x.transpose(1, 2).ToFloats();
            Write("few", images, Rows, Columns, 1, Coils);
            Write("many", [.. Enumerable.Repeat(images, More).SelectMany(image => image)], Rows, Columns, 1, Coils * More);
            double forward = Each("nufft trajectory few fewSamples", "nufft trajectory many manySamples");
            double adjoint = Each($"nufft -a -d{Rows}:{Columns}:1 trajectory fewSamples few", $"nufft -a -d{Rows}:{Columns}:1 trajectory manySamples many");
            return [forward, adjoint];
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
        finally
        {
            folder.Delete(recursive: true);
        }

        double Each(string few, string many) => (Best(many) - Best(few)) / (More - 1);

        double Best(string command) => Enumerable.Range(0, 5).Min(_ =>
        {
            var watch = Stopwatch.StartNew();
            using Process process = Process.Start(
                new ProcessStartInfo("bart", command) { WorkingDirectory = folder.FullName, RedirectStandardOutput = true, RedirectStandardError = true })!;
            process.StandardOutput.ReadToEnd();
            string error = process.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0 ? watch.Elapsed.TotalMilliseconds : throw new CommandException($"bart {command}: {error}");
        });

        void Write(string name, ReadOnlySpan<float> pairs, params int[] dimensions)
        {
            string path = Path.Combine(folder.FullName, name);
            File.WriteAllText(path + ".hdr", $"# Dimensions\n{string.Join(' ', dimensions.Concat(Enumerable.Repeat(1, 16 - dimensions.Length)))}\n");
            File.WriteAllBytes(path + ".cfl", MemoryMarshal.AsBytes(pairs));
        }
    }
}
