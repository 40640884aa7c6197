using System.CommandLine;
using System.Globalization;
using InverseSolver.Imaging;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Jobs;
using InverseSolver.Service.Problems;
using InverseSolver.Service.Requests;

namespace InverseSolver.Cli;

/// <summary><c>inverse simulate</c>: a measurement of a clean image, as <c>POST /v1/measurements/simulate</c> makes it.</summary>
internal static class SimulateCommand
{
    // The standard deviation of rounding to 8 bits.
    private const double Rounding = 1 / 255.0 / 3.4641016151377544;

    internal static Command Create()
    {
        Option<string> problem = CliOptions.Problem();
        var image = new Option<string>("--image")
        {
            HelpName = "FILE",
            Description = "The clean image on [0,1] (PNG, JPEG, TIFF, WebP, DICOM, .npy), or a stack of frames as .npy (frames, channels, height, width).",
            Required = true,
        };
        Option<string?>[] files =
        [
            new("--mask") { HelpName = "FILE", Description = "The mask, where the problem's is a file: white (above 0.5) is measured, black is missing." },
            new("--psf") { HelpName = "FILE", Description = "The point-spread function of pointSpread." },
            new("--phase") { HelpName = "FILE", Description = "The phase map in radians." },
            new("--maps") { HelpName = "FILE", Description = "Coil sensitivities instead of simulated ones, complex (coils, rows, columns)." },
            new("--trajectory") { HelpName = "FILE", Description = "Positions of the samples, (samples, 2), in cycles per field of view." },
        ];
        Option<double> sigma = CliOptions.Number("--sigma", "Standard deviation of the noise to add.", 0.01);
        Option<double?> photons = CliOptions.Number<double>("--photons", "Photons per unit of the measurement, where it is counted.");
        Option<int?> coils = CliOptions.Number<int>("--coils", "Simulated coils of parallelMri, 1 to 64; absent, 8.");
        Option<long> seed = CliOptions.Seed();
        var output = new Option<string>("--out")
        {
            HelpName = "FILE",
            Description = "The file to write. .npy: the measurement; .npz: the measurement with the arrays that were drawn for it (mask, kernel, maps); "
                + ".png: a picture of 8 bits, where it is one.",
            Required = true,
        };
        Option<string?> operators = CliOptions.Operators(), json = CliOptions.Json();
        var command = new Command("simulate", "Makes a measurement of a clean image, with noise.");
        foreach (Option option in (Option[])[problem, image, output, sigma, photons, coils, seed, .. files, operators, json]) command.Options.Add(option);
        command.SetAction(arguments =>
        {
            string file = arguments.GetRequiredValue(output), kind = Path.GetExtension(file).ToLowerInvariant();
            if (kind is not (".npy" or ".npz" or ".png")) throw new CommandException($"--out {file}: its name ends in .npy, .npz or .png.");
            var request = new SimulationRequest
            {
                Problem = CliJson.ProblemOf(arguments.GetRequiredValue(problem), arguments.GetValue(files[0]) is not null),
                Sigma = arguments.GetValue(sigma),
                Photons = arguments.GetValue(photons),
                Coils = arguments.GetValue(coils),
                Seed = arguments.GetValue(seed),
            };
            RequestChecks.CheckRanges(request);
            var simulation = new FileSimulation(request.Problem, request.Sigma, request.Seed, request.Photons, request.Coils);
            var read = new Dictionary<string, byte[]> { ["image"] = ArrayFiles.Read(image.Name, arguments.GetRequiredValue(image)) };
            foreach (Option<string?> option in files)
            {
                if (arguments.GetValue(option) is { } path) read[option.Name[2..]] = ArrayFiles.Read(option.Name, path);
            }

            using var reader = new FormatReader(ReaderLimits.Default);
            (SimulatedMeasurement made, double effective) = simulation.Run(
                reader, read, ArrayFiles.MaxPixels, int.MaxValue, arguments.GetValue(operators));
            ResultText.Warn(made.Warnings);
            ArrayFiles.Write(file, kind switch
            {
                ".npz" => Npz.Write(new Dictionary<string, ArrayData>(made.Files) { ["measurement"] = made.Measurement }),
                ".png" => Picture(file, made.Measurement, effective),
                _ => Npy.Write(made.Measurement),
            });
            if (kind == ".png") effective = double.Hypot(effective, Rounding);
            int[] shape = made.Measurement.Shape;
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"measurement   ({string.Join(", ", shape)}){(made.Measurement.IsComplex ? ", complex" : "")}; solve it with --sigma {effective:G4}"));
            CliJson.Write(arguments.GetValue(json), new { File = file, shape, made.Measurement.IsComplex, EffectiveSigma = effective, made.Warnings });
            return ExitCode.Done;
        });
        return command;
    }

    // A picture holds values from 0 to 1 in steps of 1/255: what that would destroy is refused.
    private static byte[] Picture(string file, ArrayData measurement, double sigma)
    {
        double most = measurement.IsComplex ? double.NaN : measurement.Values.Max(value => Math.Max(value - 1.0, -value));
        if (!(most <= (5 * sigma) + 1e-3) || sigma > 0.5 || Pictures.ToPng(measurement, 8) is not { } png)
        {
            throw new CommandException($"--out {file}: the measurement is {(measurement.IsComplex ? "complex" : "not within 0 and 1")}, and no picture: "
                + "a name that ends in .npy or .npz keeps its values.");
        }

        int off = measurement.Values.Count(value => value is < 0 or > 1);
        if (off > 0) ResultText.Warn([$"{off} of {measurement.Values.Length} values lie off 0 to 1, by noise, and are cut in the picture; .npy keeps them."]);
        return png;
    }
}
