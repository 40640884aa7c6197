using InverseSolver.Imaging;
using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction.Jobs;

/// <summary>A measurement to be simulated from files.</summary>
/// <param name="Problem">The forward model.</param>
/// <param name="Sigma">Standard deviation of the noise to add, per real component; the image is on [0,1].</param>
/// <param name="Seed">Seed of the noise, and of coils and object phase where they are drawn.</param>
/// <param name="Photons">Photons per unit of the measurement, where photons are counted.</param>
/// <param name="Coils">The number of simulated coils of <see cref="ParallelMri"/>; null: 8, or as many as the file <c>maps</c> has.</param>
public sealed record FileSimulation(Problem Problem, double Sigma, long Seed, double? Photons, int? Coils)
{
    /// <summary>Reads the files and simulates the measurement.</summary>
    /// <param name="reader">Parses HDF5 and DICOM.</param>
    /// <param name="files">The file <c>image</c>, and the problem's files, by name.</param>
    /// <param name="maxPixels">Pixels of an image, or elements of an array's last two dimensions, at most.</param>
    /// <param name="maxFrames">Frames of a stack at most.</param>
    /// <param name="operatorFolder">Folder of TorchScript modules; null where there are none.</param>
    /// <returns>The measurement, and its noise with the quantisation of an 8-bit image.</returns>
    /// <exception cref="InvalidInputException">Names the field that is wrong, for example <c>files.image</c>.</exception>
    public (SimulatedMeasurement Measurement, double EffectiveSigma) Run(
        FormatReader reader, IReadOnlyDictionary<string, byte[]> files, long maxPixels, int maxFrames, string? operatorFolder)
    {
        JobInputs inputs = JobInputs.Read(reader, maxPixels, Problem, files, "image");
        ArrayData image = inputs["image"].Array;
        if (image is not { IsComplex: false, Shape: [1 or 3, _, _] or [_, 1 or 3, _, _] })
        {
            throw new InvalidInputException(
                "files.image", "The image must be real with one or three channels; a stack of frames is (frames, channels, height, width).");
        }

        if (image.Shape is [var frames, _, _, _] && frames > maxFrames)
        {
            throw new InvalidInputException("files.image", $"The stack has {frames} frames; at most {maxFrames} are allowed.")
            {
                Code = InvalidInputException.LimitExceeded,
            };
        }

        SimulatedMeasurement simulated = Reconstructor.Simulate(Problem, image, inputs.OfProblem, Sigma, Seed, operatorFolder, Photons, Coils);
        return (simulated, inputs.EffectiveSigma(Sigma, "image"));
    }
}
